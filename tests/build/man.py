"""man.py FOLDER: prints what the manual's pages of functions and the headers say differently, and writes each example to FOLDER/PAGE.N.c."""
import glob
import os
import re
import sys

HEADERS = ("sesame.h", "sesame-fcgi.h")


def declared():
    """name -> (header, "type name(arguments)") of every function that the headers declare."""
    found = {}
    for header in HEADERS:
        text = open(os.path.join("lib", header), encoding="utf-8").read()
        text = re.sub(r"/\*.*?\*/", " ", text, flags=re.S)
        text = re.sub(r"^\s*#.*$", "", text, flags=re.M)
        text = re.sub(r"\bSESS_PRINTF\([^)]*\)|\bSESS_MUST_CHECK\b", "", text)
        for kind, name, arguments in re.findall(r"(\b[a-z_][\w\s*]*[\s*])((?:sess|http)_\w+)\s*\(([^()]*)\)\s*;", text):
            if not kind.startswith("typedef"):
                found[name] = (header, normal(kind, name, arguments.split(",")))
    return found


def normal(kind, name, arguments):
    return "%s %s(%s)" % (" ".join(kind.split()), name, ", ".join(" ".join(a.split()) for a in arguments))


def section(lines, title):
    begin = lines.index(".Sh " + title) + 1
    return lines[begin:next((i for i in range(begin, len(lines)) if lines[i].startswith(".Sh ")), len(lines))]


def prototypes(lines):
    """(header, [(name, prototype)]) of a page's synopsis."""
    header, kind, found = "", "", []
    for line in section(lines, "SYNOPSIS"):
        if line.startswith(".In "):
            header = line[4:]
        elif line.startswith(".Ft "):
            kind = line[4:].strip('"')
        elif line.startswith(".Fn "):
            name, arguments = line[4:].split(" ", 1)
            found.append((name, normal(kind, name, re.findall(r'"([^"]*)"', arguments))))
    return header, found


def write_examples(folder, page, lines):
    """The number of examples."""
    blocks = re.findall(r"^\.Bd -literal.*?\n(.*?)^\.Ed$", "\n".join(section(lines, "EXAMPLES")) + "\n", flags=re.S | re.M)
    for i, block in enumerate(blocks):
        with open(os.path.join(folder, "%s.%d.c" % (page, i)), "w", encoding="utf-8") as out:
            out.write(block.replace("\\&", "").replace("\\-", "-").replace("\\e", "\\"))
    return len(blocks)


def main(folder):
    known, told = declared(), {}
    for path in sorted(glob.glob("man/s*_*.3") + glob.glob("man/http_*.3")):
        page = os.path.basename(path)[:-2]
        lines = open(path, encoding="utf-8").read().split("\n")
        names = [line.split()[1] for line in section(lines, "NAME") if line.startswith(".Nm ")]
        header, found = prototypes(lines)
        if page not in names:
            print("%s is not named after one of its functions" % page)
        if names != [name for name, _ in found]:
            print("%s: NAME and SYNOPSIS have other functions" % page)
        for name, prototype in found:
            if name in told:
                print("%s is in %s and in %s" % (name, told[name], page))
            told[name] = page
            if known.get(name) != (header, prototype):
                print("%s: %s has %s, the header %s" % (name, page, (header, prototype), known.get(name)))
        if write_examples(folder, page, lines) == 0:
            print("%s has no example" % page)
    for name in sorted(set(known) - set(told)):
        print("%s has no page" % name)
    return 0 if known and told else 1


sys.exit(main(sys.argv[1]))

"""top.py SESAMECTL KEY: runs its top in a terminal, waits for three pictures, presses KEY (or sends SIGINT), and tells what was on it."""
import fcntl
import os
import pty
import select
import signal
import struct
import sys
import termios
import time

ctl, key = sys.argv[1:]
pid, terminal = pty.fork()
if pid == 0:
    os.execv(ctl, [ctl, "top"])
fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 30, 100, 0, 0))
before = termios.tcgetattr(terminal)
said = b""
deadline = time.monotonic() + 60
pressed = False
while time.monotonic() < deadline:
    if not select.select([terminal], [], [], 1)[0]:
        continue
    try:
        data = os.read(terminal, 65536)
    except OSError:
        break
    if not data:
        break
    said += data
    if not pressed and said.count(b"sesamectl top ") >= 3:
        pressed = True
        during = termios.tcgetattr(terminal)
        print("keys at once" if not during[3] & termios.ICANON else "keys by the line")
        if key == "SIGINT":
            os.kill(pid, signal.SIGINT)
        else:
            os.write(terminal, key.encode())
try:
    after = termios.tcgetattr(terminal)
    print("restored" if after == before else "changed")
except termios.error:
    print("restored" if said.rstrip().endswith(b"\x1b[?1049l") else "changed")
status = os.waitpid(pid, 0)[1]
print("status", os.waitstatus_to_exitcode(status))
print("screen given back" if b"\x1b[?25h" in said and b"\x1b[?1049l" in said.split(b"sesamectl top ")[-1] else "screen kept")
sys.stdout.write(said.decode("utf-8", "replace").replace("\r", ""))

# Completion for bash: subcommands, then their options.

_sesamectl() {
	local word=${COMP_WORDS[COMP_CWORD]} words
	if [ "$COMP_CWORD" -eq 1 ]; then
		words="$(sesamectl --commands 2>/dev/null) --help --version"
	else
		words="--json --help"
	fi
	mapfile -t COMPREPLY < <(compgen -W "$words" -- "$word")
}
complete -F _sesamectl sesamectl

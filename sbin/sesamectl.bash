# Completion for bash: subcommands, then their options, then words or files.

_sesamectl() {
	local word=${COMP_WORDS[COMP_CWORD]} command=${COMP_WORDS[1]} words=''
	if [ "$COMP_CWORD" -eq 1 ]; then
		words="$(sesamectl --commands 2>/dev/null) --help --version"
	elif [[ $word == -* ]]; then
		words=$(sesamectl --options "$command" 2>/dev/null)
	elif [ "$command" = rotate-keys ]; then
		words="announce switch retire"
	elif [ "$command" = import ]; then
		mapfile -t COMPREPLY < <(compgen -f -- "$word")
		return
	fi
	mapfile -t COMPREPLY < <(compgen -W "$words" -- "$word")
}
complete -F _sesamectl sesamectl

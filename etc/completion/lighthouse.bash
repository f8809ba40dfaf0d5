_lighthouse_completion() {
    local IFS=$'\n' line="${COMP_LINE:0:COMP_POINT}" type value word prefix=""
    word="${line##*[[:space:]]}"
    # Bash takes what stands behind a colon for a word of its own.
    if [[ "$word" == *:* && "$COMP_WORDBREAKS" == *:* ]]; then
        prefix="${word%"${word##*:}"}"
    fi
    COMPREPLY=()
    while IFS=',' read -r type value; do
        case "$type" in
            dir) compopt -o dirnames ;;
            file) compopt -o default ;;
            plain) COMPREPLY+=("${value#"$prefix"}") ;;
        esac
    done < <(env COMP_WORDS="$line" _LIGHTHOUSE_COMPLETE=bash_complete "$1" 2>/dev/null)
    return 0
}

complete -o nosort -F _lighthouse_completion lighthouse 2>/dev/null ||
    complete -F _lighthouse_completion lighthouse


# Bash takes words apart at `:` and `=`, which asset selections and tags hold. They are put together
# again for daglab, and what stays in the line is left out of the answer.
_daglab() {
    local rest=$COMP_LINE word blank trimmed index
    local -a words=()
    for ((index = 0; index <= COMP_CWORD; index++)); do
        word=${COMP_WORDS[index]}
        blank=${rest%%[![:space:]]*}
        trimmed=${rest#"$blank"}
        if ((index > 0)) && [[ -z $blank ]]; then
            words[${#words[@]}-1]+=$word
        else
            words+=("$word")
        fi
        rest=${trimmed#"$word"}
    done
    local COMP_CWORD=$((${#words[@]} - 1))
    local current=${words[COMP_CWORD]}
    current=${current#[\'\"]}
    words[COMP_CWORD]=$current
    local -a COMP_WORDS=("${words[@]}")
    _clap_complete_daglab "$1" "$current" "$3"
    local part=$2
    [[ $part == [:=] ]] && part=
    COMPREPLY=("${COMPREPLY[@]#"${current%"$part"}"}")
}
if [[ "${BASH_VERSINFO[0]}" -eq 4 && "${BASH_VERSINFO[1]}" -ge 4 || "${BASH_VERSINFO[0]}" -gt 4 ]]; then
    complete -o nospace -o bashdefault -o nosort -F _daglab daglab
else
    complete -o nospace -o bashdefault -F _daglab daglab
fi

"""The script that completes commands, options and the names of fields in a shell."""

from __future__ import annotations

import re
from typing import Literal

from cyclopts import App

Shell = Literal["bash", "zsh", "fish", "powershell"]

# Bash cuts words at "=", so behind `email=` nothing of the script's is meant any more; and a
# space after the sign would be an empty value.
_BASH = """
_caibo_fields() {
  _caibo
  [[ ${COMPREPLY[0]-} == *= ]] || return 0
  local line=${COMP_LINE:0:COMP_POINT}
  local word=${line##* }
  [[ ${word#--*=} != *=* ]] || COMPREPLY=()
  compopt -o nospace
}
complete -F _caibo_fields caibo
"""
# It only defines a function, which zsh would look for in a file of that name.
_ZSH = """
if [[ $funcstack[1] == (_caibo|_cyclopts_caibo) ]]; then
  _cyclopts_caibo "$@"
else
  compdef _cyclopts_caibo caibo
fi
"""
_ZSH_WORDS = (
    (r"\(((?:\w+= ?)+)\)", r"{compadd -S '' -- \1}"),
    (r"compadd -- (?='\w+=')", "compadd -S '' -- "),
)


def script(app: App, shell: Shell) -> str:
    """Return the script for a shell; fish and PowerShell set no space after "=" themselves."""
    text = app.generate_completion(shell=shell)
    match shell:
        case "bash":
            return text + _BASH
        case "zsh":
            for pattern, written in _ZSH_WORDS:
                text = re.sub(pattern, written, text)
            return text + _ZSH
        case _:
            return text

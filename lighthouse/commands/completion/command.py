"""``lighthouse completion``: the script with which a shell completes commands and names."""

import click

from lighthouse.commands.completion.shells import SHELLS, script
from lighthouse.commands.output.console import say


@click.command()
@click.argument("shell", type=click.Choice([*SHELLS]), metavar="bash|zsh|fish")
@click.pass_context
def command(ctx: click.Context, shell: str) -> None:
    """Print the script with which a shell completes commands, options and names.

    \b
    bash   eval "$(lighthouse completion bash)"                        in ~/.bashrc
    zsh    eval "$(lighthouse completion zsh)"                         in ~/.zshrc, after compinit
    fish   lighthouse completion fish > ~/.config/fish/completions/lighthouse.fish

    The names of clusters, nodes, services and workers are those that the running daemon knows,
    else those of the tree's files.
    """
    say(script(shell, ctx.find_root().command).rstrip())

"""``python -m lighthouse.commands`` is ``lighthouse``, where no script is installed."""

from lighthouse.commands import main

main(prog_name="lighthouse")

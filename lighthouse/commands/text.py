"""Foreign text for a terminal: nothing in it can move the cursor or pass for something else."""


def plain(value: object) -> str:
    """Text in which every unprintable character, line ends included, is an escape."""
    text = "" if value is None else str(value)
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else _escape(c) for c in text)


def _escape(character: str) -> str:
    return character.encode("unicode_escape", "backslashreplace").decode("ascii")

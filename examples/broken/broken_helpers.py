"""What the broken definitions and notebooks call, so that errors lie a few frames deep."""


def average(values: list[float]) -> float:
    """Divide by the number of values, which may be zero."""
    return sum(values) / len(values)


def read_settings() -> dict[str, str]:
    """Import what is not there."""
    return _load("settings_of_nobody")


def _load(name: str) -> dict[str, str]:
    return dict(vars(__import__(name)))

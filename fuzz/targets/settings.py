"""Settings, a line each: `NAME=value` is a variable, `-name=value` a flag. Files are not read."""

from prack_grpc.settings import Settings, SettingsError, load


def one(data: bytes) -> None:
    """See the module. Raises whatever is not a list of what is wrong."""
    flags, variables = {}, {}
    for line in data.decode(errors="surrogateescape").split("\n"):
        name, _, value = line.partition("=")
        if name.lower().endswith("_file"):
            continue
        if name[:1] == "-" and name[1:] in Settings.model_fields:
            flags[name[1:]] = value
        else:
            variables["PRACK_" + name] = value
    try:
        settings = load(flags, variables)
    except SettingsError:
        return
    settings.limits()
    settings.connection_limits()
    settings.shown()

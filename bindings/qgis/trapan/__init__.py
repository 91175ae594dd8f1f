"""Pansharpening in QGIS's Processing toolbox, by the program `trapan`."""


def classFactory(iface):  # noqa: N802, QGIS asks for this name
    """The plugin; `iface` is None where there is no window."""
    from .plugin import Plugin

    return Plugin()

"""What QGIS loads: a provider with one algorithm and one setting, where the program is."""

from processing.core.ProcessingConfig import ProcessingConfig, Setting
from qgis.core import QgsApplication, QgsProcessingProvider

from .fuse import Fuse

PROGRAM = "TRAPAN_PROGRAM"


class Provider(QgsProcessingProvider):
    """The algorithms of the program."""

    def id(self):
        return "trapan"

    def name(self):
        return "trapan"

    def load(self):
        ProcessingConfig.settingIcons["trapan"] = self.icon()
        setting = Setting("trapan", PROGRAM, "Program (empty: trapan of the path)", "", valuetype=Setting.FILE)
        ProcessingConfig.addSetting(setting)
        ProcessingConfig.readSettings()
        return super().load()

    def unload(self):
        ProcessingConfig.removeSetting(PROGRAM)

    def loadAlgorithms(self):
        self.addAlgorithm(Fuse())


class Plugin:
    """Adds the provider to Processing."""

    def __init__(self):
        self.provider = None

    def initProcessing(self):
        self.provider = Provider()
        QgsApplication.processingRegistry().addProvider(self.provider)

    def initGui(self):
        self.initProcessing()

    def unload(self):
        QgsApplication.processingRegistry().removeProvider(self.provider)

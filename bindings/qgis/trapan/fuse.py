"""The algorithm: PAN and MS layers to a fused layer."""

from processing.core.ProcessingConfig import ProcessingConfig
from qgis.core import (
    QgsProcessing,
    QgsProcessingAlgorithm,
    QgsProcessingException,
    QgsProcessingParameterDefinition,
    QgsProcessingParameterEnum,
    QgsProcessingParameterFileDestination,
    QgsProcessingParameterMultipleLayers,
    QgsProcessingParameterRasterDestination,
    QgsProcessingParameterRasterLayer,
    QgsProcessingParameterString,
)

from . import program


class Fuse(QgsProcessingAlgorithm):
    """Pansharpening of one pair."""

    def name(self):
        return "fuse"

    def displayName(self):
        return "Pansharpen a pair"

    def shortHelpString(self):
        return (
            "Makes a sharp multispectral layer of a panchromatic (PAN) layer of one band and multispectral (MS) layers of "
            "the same place, whose bands follow each other. Two small networks are trained on this pair alone; effort "
            "fast trains nothing and takes the best classical method. How the layers lie on each other comes from their "
            "georeference. More options are those of `trapan fuse --help`."
        )

    def tags(self):
        return ["pansharpening", "fusion", "sharpen"]

    def createInstance(self):
        return Fuse()

    def initAlgorithm(self, config=None):
        def more(parameter):
            parameter.setFlags(parameter.flags() | QgsProcessingParameterDefinition.FlagAdvanced)
            return parameter

        sensors = [name or "generic, or that of the product" for name in program.SENSORS]
        efforts = program.EFFORTS
        default = efforts.index("default")
        for parameter in [
            QgsProcessingParameterRasterLayer("PAN", "Panchromatic layer"),
            QgsProcessingParameterMultipleLayers("MS", "Multispectral layers", QgsProcessing.TypeRaster),
            QgsProcessingParameterEnum("SENSOR", "Sensor", sensors, defaultValue=0),
            QgsProcessingParameterEnum("EFFORT", "Effort", efforts, defaultValue=default),
            more(QgsProcessingParameterString("MORE", "More options", optional=True)),
            more(QgsProcessingParameterFileDestination("REPORT", "Report", "HTML (*.html)", optional=True, createByDefault=False)),
            QgsProcessingParameterRasterDestination("OUTPUT", "Fused layer"),
        ]:
            self.addParameter(parameter)

    def processAlgorithm(self, parameters, context, feedback):
        pan = self.parameterAsRasterLayer(parameters, "PAN", context)
        if pan is None:
            raise QgsProcessingException(self.invalidRasterError(parameters, "PAN"))
        ms = [layer.source() for layer in self.parameterAsLayerList(parameters, "MS", context)]
        output = self.parameterAsOutputLayer(parameters, "OUTPUT", context)
        report = self.parameterAsFileOutput(parameters, "REPORT", context) if parameters.get("REPORT") else ""
        try:
            line = program.command(
                program.find(ProcessingConfig.getSetting("TRAPAN_PROGRAM")), pan.source(), ms, output,
                sensor=program.SENSORS[self.parameterAsEnum(parameters, "SENSOR", context)],
                effort=program.EFFORTS[self.parameterAsEnum(parameters, "EFFORT", context)],
                report=report, more=self.parameterAsString(parameters, "MORE", context),
            )
            feedback.pushCommandInfo(" ".join(line))

            def progress(percent, text):
                feedback.setProgress(percent)
                feedback.setProgressText(text)

            if not program.run(line, progress, feedback.pushInfo, feedback.isCanceled):
                return {}
        except (program.ProgramError, ValueError) as error:
            raise QgsProcessingException(str(error)) from error
        return {"OUTPUT": output, **({"REPORT": report} if report else {})}

"""What of the plugin needs no QGIS, and of the program only what stands beside each test."""

import os
import re
import subprocess
import sys
import time
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
from trapan import program  # noqa: E402


def speaking(code):
    """A command that runs a few lines of Python."""
    return [sys.executable, "-u", "-c", code]


class Lines(unittest.TestCase):
    def test_the_command_has_what_was_chosen(self):
        line = program.command("t", "p.tif", ["a b.tif", "c.tif"], "o.tif", sensor="qb", effort="fast", more="--co 'A=B C' -v")
        self.assertEqual(line[:9], ["t", "fuse", "--pan", "p.tif", "--ms", "a b.tif", "c.tif", "-o", "o.tif"])
        self.assertEqual(line[-7:], ["--effort", "fast", "--sensor", "qb", "--co", "A=B C", "-v"])
        self.assertNotIn("--sensor", program.command("t", "p", ["m"], "o"))
        self.assertIn("--report", program.command("t", "p", ["m"], "o", report="r.html"))
        with self.assertRaises(ValueError):
            program.command("t", "p", ["m"], "o", more="'open")

    def test_progress_is_told_from_other_lines(self):
        line = '{"progress":{"stage":"warm-up","done":3,"of":12,"text":"epoch 1/4"}}'
        self.assertEqual(program.event(line), ("progress", 25.0, "warm-up epoch 1/4"))
        for odd in ['{"progress":{"stage":"x","done":3,"of":0,"text":""}}', '{"progress":3}', "[]", "device: CPU", "{", ""]:
            self.assertEqual(program.event(odd), ("log", odd))

    def test_the_program_is_found_or_its_absence_explained(self):
        self.assertEqual(program.find(sys.executable, {}), sys.executable)
        self.assertEqual(program.find("", {"TRAPAN_PROGRAM": sys.executable}), sys.executable)
        with self.assertRaisesRegex(program.ProgramError, "/no/such.*correct the setting"):
            program.find("/no/such", {})


class Runs(unittest.TestCase):
    def run_code(self, code, is_cancelled=lambda: False):
        said = {"progress": [], "log": []}
        done = program.run(speaking(code), lambda *of: said["progress"].append(of), said["log"].append, is_cancelled)
        return done, said

    def test_output_goes_where_it_belongs(self):
        code = "import sys; print('device: é'); print('{\"progress\":{\"stage\":\"s\",\"done\":1,\"of\":2,\"text\":\"\"}}', file=sys.stderr)"
        done, said = self.run_code(code)
        self.assertTrue(done)
        self.assertEqual(said, {"progress": [(50.0, "s")], "log": ["device: é"]})

    def test_errors_are_those_of_the_program(self):
        with self.assertRaisesRegex(program.ProgramError, "^error: no such file"):
            self.run_code("print('error: no such file'); raise SystemExit(3)")
        with self.assertRaisesRegex(program.ProgramError, "ended with 9: bye"):
            self.run_code("print('bye'); raise SystemExit(9)")
        with self.assertRaisesRegex(program.ProgramError, "cannot be started"):
            program.run(["/no/such/program"], None, None, lambda: False)

    def test_cancelling_ends_the_program(self):
        start = time.monotonic()
        done, _ = self.run_code("import time; print('on'); time.sleep(60)", lambda: time.monotonic() > start + 0.5)
        self.assertFalse(done)
        self.assertLess(time.monotonic() - start, 20)


@unittest.skipUnless(os.environ.get("TRAPAN_PROGRAM"), "TRAPAN_PROGRAM names no program")
class OfTheProgram(unittest.TestCase):
    def test_choices_are_those_of_its_help(self):
        said = subprocess.run([os.environ["TRAPAN_PROGRAM"], "fuse", "--help"], capture_output=True, text=True, check=True)
        for flag, names in [("--sensor", program.SENSORS[1:]), ("--effort", program.EFFORTS)]:
            found = re.search(rf"{flag} <.*?\[possible values: ([^\]]+)\]", said.stdout, re.DOTALL)
            self.assertEqual(found.group(1).replace("\n", " ").split(), [name + "," for name in names[:-1]] + [names[-1]])


if __name__ == "__main__":
    unittest.main()

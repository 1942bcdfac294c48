"""What exporting needs is imported on use."""

import subprocess
import sys


def test_importing_the_package_imports_none_of_the_extras():
    code = (
        "import sys, sknet, sknet.onnx, sknet.export;"
        "print(sorted({'onnx', 'skl2onnx', 'matplotlib'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"

"""Fitted estimators as files that other programs run.

duck.py             ``Convertible``: the methods by which skl2onnx finds the converter
onnx/               the converter to ONNX; needs onnx and skl2onnx
python_file.py      an estimator -> a file of Python on numpy alone
script.py           the text of such a file: its constants, the functions that it uses
numpy_parts.py      these functions
emlearn.py          an estimator -> a network on numbers, as emlearn reads it
example_rows.py     rows by which such a file tests itself
"""

"""Fitted estimators as files that other programs run.

duck.py             ``Convertible``: the methods by which skl2onnx finds the converter
onnx/               the converter to ONNX; needs onnx and skl2onnx
"""

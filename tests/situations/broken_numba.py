"""Packages that stand in for a numba that is installed and does not work."""

_IMPORT = 'raise ImportError("Numba needs NumPy 2.4 or less. Got NumPy 2.5.")\n'

#: A numba with all names that the kernels use; `njit` is what a case makes of it.
_NAMES = """
import sys
from contextlib import nullcontext
from types import ModuleType, SimpleNamespace

__version__ = "0.1"
config = SimpleNamespace(DISABLE_JIT=0)
types = ModuleType("numba.types")
types.float32, types.float64, types.int32, types.none = "float32", "float64", "int32", "none"
types.Opaque = object
core, extending = ModuleType("numba.core"), ModuleType("numba.extending")
core.event = SimpleNamespace(Listener=object, install_listener=lambda *_: nullcontext())


def kept(*args, **options):
    return args[0] if args and callable(args[0]) and not options else lambda function: function


extending.intrinsic = kept
extending.overload = lambda *args, **options: lambda function: function
extending.typeof_impl = SimpleNamespace(register=kept)
extending.unbox = extending.register_model = lambda kind: lambda function: function
extending.NativeValue, extending.models = None, SimpleNamespace(OpaqueModel=None)
sys.modules |= {"numba.types": types, "numba.core": core, "numba.extending": extending}
"""
_DECORATION = """
def njit(*args, **options):
    raise AttributeError("module 'numpy' has no attribute 'row_stack'")
"""
_CALL = """
def njit(*args, **options):
    def compile(function):
        def call(*arguments):
            raise TypeError("cannot determine the type of the function")
        return call
    return compile(args[0]) if args else compile
"""
_CACHE = """
def njit(*args, **options):
    def compile(function):
        def call(*arguments):
            raise PermissionError(13, "Permission denied: the cache")
        return call
    return compile(args[0]) if args else compile
"""
#: Way to fail -> the source of ``numba/__init__.py``.
STUBS = {
    "import": _IMPORT,
    "import, not an ImportError": 'raise SystemError("initialization failed")\n',
    "decoration": _NAMES + _DECORATION,
    "first call": _NAMES + _CALL,
    "cache that cannot be written": _NAMES + _CACHE,
    "switched off": _NAMES.replace("DISABLE_JIT=0", "DISABLE_JIT=1") + _DECORATION,
}


def install(folder, source):
    """Write a package ``numba`` with this source, and an empty ``llvmlite``, into `folder`."""
    for name, text in (("numba", source), ("llvmlite", "ir = None\n")):
        (folder / name).mkdir(parents=True)
        (folder / name / "__init__.py").write_text(text, encoding="utf-8")

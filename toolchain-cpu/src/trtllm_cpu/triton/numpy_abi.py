"""Lets Triton's Python stub exchange tensors although it was compiled against numpy 1 and runs with numpy 2.

The stub of nvidia-pytriton 0.7 (its pybind11 is older than 2.12) reads an element's size where numpy 1 kept it in a
dtype; numpy 2 has the dtype's flags there, 0 for plain types. So an array that the stub makes over a request's memory
gets strides of 0 and repeats its first element, and an array that it is given counts as 0 bytes. Hence:

- inputs: the stub reaches numpy through the function table that numpy.core.multiarray names. It gets a copy of that
  table in which the function that makes arrays works out contiguous strides itself;
- outputs get a dtype of their own whose flags read as the size. (DLPack would lead around numpy's layout, but it has no
  strings, and this stub renames used capsules so that numpy complains on stderr about each of them.)

install.py lets triton_python_backend_utils, which every Python model imports, call `install`: models need not know.
"""

import ctypes
import platform
from typing import Any

import numpy as np
import numpy.core.multiarray as numpy_of_stub

from trtllm_cpu.errors import ToolchainError

# Positions in numpy's function table; they are part of its ABI and the same in numpy 1 and 2.
ABI_VERSION = 0
NEW_FROM_DESCRIPTOR = 94
TABLE_LENGTH = 300

FLAGS_OFFSET = 32
"""Byte in a dtype object where numpy 1 keeps the element's size (int) and numpy 2 the flags (uint64)."""
NUMPY_2_ABI = 0x02000000

# type, descriptor, ndim, shape, strides, data, flags, object -> array; pointers as numbers, references pass through.
NewFromDescriptor = ctypes.PYFUNCTYPE(
    ctypes.c_void_p,
    ctypes.c_void_p,
    ctypes.c_void_p,
    ctypes.c_int,
    ctypes.c_void_p,
    ctypes.c_void_p,
    ctypes.c_void_p,
    ctypes.c_int,
    ctypes.c_void_p,
)

_new_capsule = ctypes.pythonapi.PyCapsule_New
_new_capsule.restype, _new_capsule.argtypes = ctypes.py_object, [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p]
_capsule_pointer = ctypes.pythonapi.PyCapsule_GetPointer
_capsule_pointer.restype, _capsule_pointer.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]

Table = ctypes.c_void_p * TABLE_LENGTH
_table = Table.from_buffer_copy(Table.from_address(_capsule_pointer(numpy_of_stub._ARRAY_API, None)))
_new_from_descriptor = NewFromDescriptor(_table[NEW_FROM_DESCRIPTOR])


@NewFromDescriptor
def _with_contiguous_strides(kind, descriptor, ndim, shape, _strides, data, flags, owner):
    return _new_from_descriptor(kind, descriptor, ndim, shape, None, data, flags, owner)


_table[NEW_FROM_DESCRIPTOR] = ctypes.cast(_with_contiguous_strides, ctypes.c_void_p).value
_capsule = _new_capsule(ctypes.addressof(_table), None, None)


def check_layout(type_number_offset: int = FLAGS_OFFSET - 4) -> None:
    """Compares what lies in numpy's memory with what numpy says of itself, before anything is changed there.

    Errors: ToolchainError where this numpy or this Python lays out its objects in another way (read with 2.4 on 3.11).
    """
    abi = ctypes.CFUNCTYPE(ctypes.c_uint)(_table[ABI_VERSION])()
    fits = all(
        ctypes.c_int.from_address(id(dtype) + type_number_offset).value == dtype.num
        and ctypes.c_uint64.from_address(id(dtype) + type_number_offset + 4).value == dtype.flags
        for dtype in map(np.dtype, (np.bool_, np.int32, np.float64, np.object_))
    )
    if abi != NUMPY_2_ABI or not fits:
        raise ToolchainError(
            f"numpy {np.__version__} on Python {platform.python_version()} keeps its arrays as this toolchain does not "
            "know them, and Triton's stub cannot read them: use the Python and the numpy of requirements.lock"
        )


def readable_array(array: np.ndarray) -> np.ndarray:
    """A copy of a numeric array of which numpy 1 code sees the size too. For reading in place only, never to be copied.

    To numpy such flags mean "elements are references" and the like, so they may stand only in a dtype that nobody else
    shares (metadata makes it so) and in an array that does not own its memory: then numpy has nothing to release.
    """
    if array.size == 0:
        return array
    private_dtype = np.dtype(array.dtype, metadata={"flags": array.itemsize})
    copy = np.frombuffer(array.tobytes(), dtype=private_dtype).reshape(array.shape)
    ctypes.c_uint64.from_address(id(copy.dtype) + FLAGS_OFFSET).value = array.itemsize
    return copy


def install(backend_utils: Any, stub: Any) -> None:
    """Changes what the stub calls, given triton_python_backend_utils and the module of its own classes.

    It must come before the stub makes its first array. Errors: ToolchainError where numpy is laid out in another way
    than this module knows.
    """
    check_layout()
    numpy_of_stub._ARRAY_API = _capsule
    serialize, make_tensor = backend_utils.serialize_byte_tensor, stub.Tensor.__init__

    def serialize_readably(tensor: np.ndarray) -> np.ndarray:
        return readable_array(np.frombuffer(serialize(tensor) or b"", dtype=np.uint8))

    def make_readable_tensor(tensor: Any, name: str, value: np.ndarray) -> None:
        # Strings are made readable where they are serialized; anything but an array gets the stub's own error.
        is_numeric = isinstance(value, np.ndarray) and value.dtype.kind not in "OS"
        make_tensor(tensor, name, readable_array(value) if is_numeric else value)

    backend_utils.serialize_byte_tensor = serialize_readably
    stub.Tensor.__init__ = make_readable_tensor

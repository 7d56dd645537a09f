"""Converts a model to ONNX with whichever framework the image holds."""

import argparse
import importlib.util
import pathlib
import sys

HANDLERS = {}


def handles(*suffixes):
    """Registers a converter for files with these suffixes."""

    def register(function):
        for suffix in suffixes:
            HANDLERS[suffix] = function
        return function

    return register


@handles(".pt", ".pth")
def from_pytorch(source, target, shape):
    require("torch", "pytorch")
    import torch

    module = torch.jit.load(str(source), map_location="cpu").eval()
    torch.onnx.export(module, torch.zeros(shape), str(target))


@handles(".keras", ".h5")
def from_keras(source, target, shape):
    require("tensorflow", "tensorflow")
    import tensorflow
    import tf2onnx

    model = tensorflow.keras.models.load_model(source)
    signature = [tensorflow.TensorSpec(shape, tensorflow.float32)]
    tf2onnx.convert.from_keras(model, input_signature=signature, output_path=str(target))


def require(module, variant):
    """Ends with a clear word when the image is another variant."""
    if importlib.util.find_spec(module) is None:
        sys.exit(f"this image does not hold {module}: use the variant `{variant}` or `full`")


def shape_of(text):
    return tuple(int(size) for size in text.split(","))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("source", type=pathlib.Path, help="a model: " + ", ".join(sorted(HANDLERS)))
    parser.add_argument("target", type=pathlib.Path, help="the ONNX file to write")
    parser.add_argument("--shape", type=shape_of, default=(1, 3, 224, 224), help="of the input, as 1,3,224,224")
    arguments = parser.parse_args()

    handler = HANDLERS.get(arguments.source.suffix)
    if handler is None:
        parser.error(f"cannot convert `{arguments.source.suffix}` files")
    handler(arguments.source, arguments.target, arguments.shape)

    import onnx

    onnx.checker.check_model(str(arguments.target))
    print(f"{arguments.target}: {arguments.target.stat().st_size} bytes")


if __name__ == "__main__":
    main()

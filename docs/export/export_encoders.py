"""Writes the ONNX graphs of freebind's spaces from the official PyTorch checkpoints.

    python3 docs/export/export_encoders.py imagebind --checkpoint imagebind_huge.pth --out DIR
    python3 docs/export/export_encoders.py imagebind-ft --checkpoint InternVL_IB_audio_with_head.pt --out DIR
    python3 docs/export/export_encoders.py clap-general --checkpoint 630k-fusion-best.pt --out DIR
    python3 docs/export/export_encoders.py clap-music --checkpoint music_speech_audioset_epoch_15_esc_89.98.pt --out DIR
    python3 docs/export/export_encoders.py internvl --checkpoint InternVL-14B-224px --out DIR

One DIR serves them all: each model's graphs go to a folder of their own in it, such as DIR/clap/general, as `freebind models
pull SPACE --from DIR` looks for them. Before that: freebind models check DIR/clap/general --space clap-general

Needs the official code of the model (docs/models.md says which) and PyTorch. The wrappers below only call that code;
inputs and outputs are those of the space's models.json.
"""
import argparse
import inspect
import pathlib
import sys

import torch
from torch import nn
from torch.nn import functional as F

# Where a model's graphs go, within --out: two of them have files of the same names.
FOLDERS = {
    "imagebind": "imagebind/huge",
    "imagebind-ft": "imagebind/huge-ft",
    "clap-general": "clap/general",
    "clap-music": "clap/music",
    "internvl": "internvl/c-14b-224",
}

# Rows of the traced example. Odd and not 1, so that a batch that the tracer keeps as a constant shows in `models check`.
ROWS = 3


class ImageBindTower(nn.Module):
    """One modality of ImageBindModel, heads and postprocessor included; audio is one row per 2 s clip."""

    def __init__(self, model, modality):
        super().__init__()
        self.model, self.modality = model, modality

    def forward(self, x):
        return self.model({self.modality: x})[self.modality]


class ClapAudio(nn.Module):
    """LAION-CLAP's audio tower on log-mel frames instead of a waveform."""

    def __init__(self, clap):
        super().__init__()
        self.branch, self.projection, self.fusion = clap.audio_branch, clap.audio_projection, clap.enable_fusion
        if not self.fusion:
            # The frames are made outside of the graph.
            self.branch.spectrogram_extractor = nn.Identity()
            self.branch.logmel_extractor = nn.Identity()

    def forward(self, input_features, is_longer=None):
        x = {"mel_fusion": input_features, "longer": is_longer} if self.fusion else {"waveform": input_features}
        embedding = self.branch(x, mixup_lambda=None, device=input_features.device)["embedding"]
        return F.normalize(self.projection(embedding), dim=-1)


class ClapText(nn.Module):
    def __init__(self, clap):
        super().__init__()
        self.branch, self.projection = clap.text_branch, clap.text_projection

    def forward(self, input_ids, attention_mask):
        pooled = self.branch(input_ids=input_ids, attention_mask=attention_mask)["pooler_output"]
        return F.normalize(self.projection(pooled), dim=-1)


class InternvlImage(nn.Module):
    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, pixel_values):
        return self.model.encode_image(pixel_values, mode="InternVL-C")


class InternvlText(nn.Module):
    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, input_ids):
        return self.model.encode_text(input_ids)


def free_batch(windows, window_size, height, width):
    """What LAION's window_reverse computes, with the number of rows left to the graph.

    `int(windows.shape[0] / ...)` there becomes a constant when it is traced: with any other number of rows the graph
    mixes windows of different rows, silently.
    """
    channels = windows.shape[-1]
    x = windows.view(-1, height // window_size, width // window_size, window_size, window_size, channels)
    return x.transpose(2, 3).reshape(-1, height, width, channels)


def free_batch_of(branch):
    """Puts free_batch in the place of window_reverse for an HTSAT.

    LAION's package puts its folder on sys.path and imports the model as `clap_module.htsat`: another module than
    `laion_clap.clap_module.htsat`, of the same file. The one that counts is the one that the class itself is from.
    """
    htsat = sys.modules[type(branch).__module__]
    if not hasattr(htsat, "window_reverse"):
        raise SystemExit(f"{htsat.__name__} has no window_reverse: this is not the LAION-CLAP that the script was written for")
    htsat.window_reverse = free_batch


def texts(width, begin, end, pad, words):
    """Texts of different lengths, as ids."""
    ids = torch.full((ROWS, width), pad, dtype=torch.int64)
    for row, length in enumerate((4, 9, width - len(begin) - 1)):
        text = [*begin, *torch.randint(*words, (length,)).tolist(), end]
        ids[row, : len(text)] = torch.tensor(text)
    return ids


def write(module, inputs, output, path, free_length=False):
    """Traces `module` on `inputs` (name -> tensor) and writes the graph with a free first dimension, and a free length of texts."""
    module.eval()
    free = {name: {0: "batch"} for name in (*inputs, output)}
    if free_length:
        for name in inputs:
            free[name][1] = "tokens"
    # PyTorch 2.9 made its newer exporter the default; the older one writes what is described here.
    older = {"dynamo": False} if "dynamo" in inspect.signature(torch.onnx.export).parameters else {}
    with torch.no_grad():
        torch.onnx.export(
            module, tuple(inputs.values()), str(path), input_names=list(inputs), output_names=[output],
            dynamic_axes=free, opset_version=16, do_constant_folding=True, **older,
        )
    print(f"{path}: {', '.join(f'{name} {list(x.shape)}' for name, x in inputs.items())} -> {output}")


def write_imagebind(model, out, towers=("vision", "audio", "text"), suffix=""):
    inputs = {
        "vision": ({"pixel_values": torch.randn(ROWS, 3, 224, 224)}, "image_embeds"),
        "audio": ({"input_features": torch.randn(ROWS, 1, 128, 204)}, "audio_embeds"),
        "text": ({"input_ids": texts(77, [49406], 49407, 0, (320, 40000))}, "text_embeds"),
    }
    for tower in towers:
        write(ImageBindTower(model, tower), *inputs[tower], out / f"imagebind_{tower}{suffix}.onnx")


def write_clap(clap, out):
    free_batch_of(clap.audio_branch)
    if clap.enable_fusion:
        longer = torch.tensor([[True], [False], [True]])
        audio = {"input_features": torch.randn(ROWS, 4, 1001, 64) * 15 - 30, "is_longer": longer}
    else:
        audio = {"input_features": torch.randn(ROWS, 1, 1001, 64) * 15 - 30}
    write(ClapAudio(clap), audio, "audio_embeds", out / "clap_audio.onnx")
    ids = texts(77, [0], 2, 1, (4, 50000))
    text = {"input_ids": ids, "attention_mask": (ids != 1).long()}
    write(ClapText(clap), text, "text_embeds", out / "clap_text.onnx", free_length=True)


def write_internvl(model, out):
    """Over 2 GB the exporter writes each weight into a file of its own; `gather` puts them into one."""
    images = {"pixel_values": torch.randn(ROWS, 3, 224, 224)}
    write(InternvlImage(model), images, "image_embeds", out / "internvl_c_vision.onnx")
    ids = {"input_ids": texts(80, [1], 2, 0, (300, 40000))}
    write(InternvlText(model), ids, "text_embeds", out / "internvl_c_text.onnx")


def gather(path):
    """Puts a graph's weights into one file beside it, NAME.onnx_data. Needs the package onnx."""
    import onnx

    graph = onnx.load(str(path))
    parts = {entry.value for tensor in graph.graph.initializer for entry in tensor.external_data if entry.key == "location"}
    onnx.save_model(
        graph, str(path), save_as_external_data=True, all_tensors_to_one_file=True, location=f"{path.name}_data"
    )
    for part in parts - {f"{path.name}_data"}:
        (path.parent / part).unlink(missing_ok=True)


def load_imagebind(checkpoint):
    from imagebind.models import imagebind_model

    model = imagebind_model.imagebind_huge(pretrained=False)
    model.load_state_dict(torch.load(checkpoint, map_location="cpu"))
    return model


def load_imagebind_ft(checkpoint):
    """FreeBind's file holds the audio encoder under `ib.` and projectors, which are bonds here, under `ib_head.`."""
    from imagebind.models import imagebind_model

    state = torch.load(checkpoint, map_location="cpu")
    model = imagebind_model.imagebind_huge(pretrained=False)
    audio = {name[len("ib."):]: tensor for name, tensor in state.items() if name.startswith("ib.")}
    missing, unexpected = model.load_state_dict(audio, strict=False)
    lost = [name for name in missing if ".audio." in name]
    if lost or unexpected:
        raise SystemExit(f"{checkpoint} is not the audio encoder: missing {lost[:3]}, unexpected {unexpected[:3]}")
    return model


def load_clap(checkpoint, fusion):
    import laion_clap

    amodel = "HTSAT-tiny" if fusion else "HTSAT-base"
    module = laion_clap.CLAP_Module(enable_fusion=fusion, amodel=amodel, device="cpu")
    module.load_ckpt(checkpoint)
    return module.model


def load_internvl(checkpoint):
    from transformers import AutoModel

    return AutoModel.from_pretrained(checkpoint, torch_dtype=torch.float32, trust_remote_code=True)


def folder_of(model, out):
    """The folder of a model's graphs within `out`; it is made."""
    folder = out / FOLDERS[model]
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", choices=list(FOLDERS))
    parser.add_argument("--checkpoint", required=True)
    parser.add_argument("--out", required=True, type=pathlib.Path)
    args = parser.parse_args()
    out = folder_of(args.model, args.out)
    torch.manual_seed(0)
    if args.model == "imagebind":
        write_imagebind(load_imagebind(args.checkpoint), out)
    elif args.model == "imagebind-ft":
        write_imagebind(load_imagebind_ft(args.checkpoint), out, ["audio"], "_ft")
    elif args.model == "internvl":
        write_internvl(load_internvl(args.checkpoint), out)
        for path in sorted(out.glob("internvl_c_*.onnx")):
            gather(path)
    else:
        write_clap(load_clap(args.checkpoint, args.model == "clap-general"), out)


if __name__ == "__main__":
    main()

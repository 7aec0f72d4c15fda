"""Tries export_encoders.py without checkpoints: small random stand-ins with the interfaces of the official models.

    python3 docs/export/try_export.py DIR
    for model in imagebind/huge internvl/c-14b-224 clap/general clap/music; do
        npx --no -- freebind models check DIR/$model --space $model --dimension 24
    done

What it proves is the script: names, types, dimensions, a free batch. What the official code exports to, only a real
checkpoint can show, and `models check` is there for that.
"""
import pathlib
import sys

import torch
from torch import nn

import export_encoders as export

WIDTH = 24


class Picture(nn.Module):
    def __init__(self, channels, patch):
        super().__init__()
        self.patches, self.head = nn.Conv2d(channels, WIDTH, patch, patch), nn.Linear(WIDTH, WIDTH)

    def forward(self, x):
        return self.head(torch.tanh(self.patches(x)).flatten(2).mean(-1))


class Words(nn.Module):
    def __init__(self, vocabulary):
        super().__init__()
        self.embed = nn.Embedding(vocabulary, WIDTH)

    def forward(self, ids, mask):
        mask = mask.unsqueeze(-1).float()
        return (self.embed(ids) * mask).sum(1) / mask.sum(1)


class ImageBind(nn.Module):
    def __init__(self):
        super().__init__()
        self.vision, self.audio, self.text = Picture(3, 32), Picture(1, 16), Words(49408)

    def forward(self, inputs):
        return {k: self.text(x, x > 0) if k == "text" else getattr(self, k)(x) for k, x in inputs.items()}


def window_reverse(windows, window_size, height, width):
    """Puts windows together with a number of rows that the tracer keeps, as HTSAT's does: the export has to replace it."""
    rows = int(windows.shape[0] * window_size**2 / (height * width))
    channels = windows.shape[-1]
    x = windows.view(rows, height // window_size, width // window_size, window_size, window_size, channels)
    return x.transpose(2, 3).reshape(rows, height, width, channels)


class AudioBranch(nn.Module):
    """Cuts into windows and puts them together as HTSAT does, with the function beside it that the export replaces."""

    def __init__(self, fusion):
        super().__init__()
        self.fusion, self.bn0, self.picture = fusion, nn.BatchNorm2d(64), Picture(4 if fusion else 1, 16)

    def forward(self, x, mixup_lambda=None, device=None):
        features = x["mel_fusion"] if self.fusion else self.logmel_extractor(self.spectrogram_extractor(x["waveform"]))
        y = self.bn0(features.transpose(1, 3)).transpose(1, 3)[:, :, :992]
        if self.fusion:
            y = torch.where(x["longer"].view(-1, 1, 1, 1), y, y[:, :1].expand_as(y))
        b, c, t, f = y.shape
        windows = y.permute(0, 2, 3, 1).reshape(b, t // 8, 8, f // 8, 8, c).transpose(2, 3).reshape(-1, 8, 8, c)
        whole = window_reverse(windows, 8, t, f).permute(0, 3, 1, 2)
        return {"embedding": self.picture(whole)}


class TextBranch(nn.Module):
    def __init__(self):
        super().__init__()
        self.words = Words(50265)

    def forward(self, input_ids, attention_mask):
        return {"pooler_output": torch.tanh(self.words(input_ids, attention_mask))}


class Clap(nn.Module):
    def __init__(self, fusion):
        super().__init__()
        self.enable_fusion, self.audio_branch, self.text_branch = fusion, AudioBranch(fusion), TextBranch()
        self.audio_projection, self.text_projection = nn.Linear(WIDTH, WIDTH), nn.Linear(WIDTH, WIDTH)


class Internvl(nn.Module):
    def __init__(self):
        super().__init__()
        self.picture, self.words = Picture(3, 32), Words(49954)

    def encode_image(self, image, mode):
        return self.picture(image)

    def encode_text(self, text):
        mask = text > 0
        rows = self.words.embed(text).cumsum(1)
        return rows[torch.arange(rows.shape[0]), mask.sum(1) - 1]


def main():
    out = pathlib.Path(sys.argv[1])
    torch.manual_seed(0)
    for name, make, write in (
        ("imagebind", ImageBind, export.write_imagebind),
        ("clap-general", lambda: Clap(True), export.write_clap),
        ("clap-music", lambda: Clap(False), export.write_clap),
        ("internvl", Internvl, export.write_internvl),
    ):
        write(make().eval(), export.folder_of(name, out))


if __name__ == "__main__":
    main()

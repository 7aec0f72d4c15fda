"""What the spaces do between a file and a graph, as the encoders' official code does it: Pillow and torchaudio in a DataLoader."""

import math
import sys
import warnings

import numpy as np
import PIL
import torch
import torchaudio
from conversation import serve
from PIL import Image
from torch.nn.functional import pad
from torch.utils.data import DataLoader

try:
    import soxr
except ImportError:
    soxr = None

warnings.filterwarnings("ignore")
workers = int(sys.argv[1])
STRIDE = 101  # as in tasks/preprocess.ts

MEAN = torch.tensor([0.48145466, 0.4578275, 0.40821073])[:, None, None]
STD = torch.tensor([0.26862954, 0.26130258, 0.27577711])[:, None, None]


def image(path):
    """torchvision's Resize(224, BICUBIC), CenterCrop, ToTensor, Normalize, as ImageBind's `load_and_transform_vision_data`."""
    with open(path, "rb") as file:
        picture = Image.open(file).convert("RGB")
    w, h = picture.size
    w, h = (224, int(224 * h / w)) if w <= h else (int(224 * w / h), 224)
    picture = picture.resize((w, h), Image.BICUBIC)
    left, top = int(round((w - 224) / 2)), int(round((h - 224) / 2))
    picture = picture.crop((left, top, left + 224, top + 224))
    planes = torch.from_numpy(np.array(picture)).permute(2, 0, 1).contiguous().float().div(255)
    return planes.sub_(MEAN).div_(STD)


class ImagebindAudio:
    """ImageBind's `load_and_transform_audio_data`, with the resampler's kernel kept instead of made for each file."""

    def __init__(self):
        self.resamplers = {}

    def __call__(self, path):
        wave, rate = torchaudio.load(path)
        if rate != 16000:
            if rate not in self.resamplers:
                self.resamplers[rate] = torchaudio.transforms.Resample(rate, 16000)
            wave = self.resamplers[rate](wave)
        last = max(wave.shape[1] / 16000 - 2, 0)
        clips = []
        for start in (0, last / 2, last):
            clip = wave[:, int(start * 16000) : int((start + 2) * 16000)]
            clip -= clip.mean()
            bank = torchaudio.compliance.kaldi.fbank(
                clip,
                htk_compat=True,
                sample_frequency=16000,
                use_energy=False,
                window_type="hanning",
                num_mel_bins=128,
                dither=0.0,
                frame_length=25,
                frame_shift=10,
            ).t()
            bank = pad(bank, (0, max(204 - bank.shape[1], 0)))[:, :204]
            clips.append((bank[None] + 4.268) / 9.138)
        return torch.stack(clips)


class ClapAudio:
    """LAION-CLAP's `get_audio_features` with fusion, with its spectrogram kept. Resampled by soxr where Python has it, as librosa
    does it for CLAP, else by torchaudio with the same band and as many taps as freebind's filter."""

    def __init__(self):
        self.resamplers = {}
        self.mel = torchaudio.transforms.MelSpectrogram(
            48000, n_fft=1024, win_length=1024, hop_length=480, n_mels=64, f_min=50, f_max=14000, norm=None
        )
        self.decibels = torchaudio.transforms.AmplitudeToDB(top_db=None)

    def __call__(self, path):
        wave, rate = torchaudio.load(path)
        wave = wave.mean(0)
        if rate != 48000:
            if soxr is not None:
                wave = torch.from_numpy(soxr.resample(wave.numpy(), rate, 48000, quality="HQ"))
            else:
                wave = self.torch_resampler(rate)(wave)
        wave = (wave.clamp(-1, 1) * 32767).to(torch.int16).float() / 32767
        wave = wave.repeat(480000 // len(wave)) if len(wave) < 480000 else wave
        wave = pad(wave, (0, 480000 - len(wave)))
        mel = self.decibels(self.mel(wave)).t()
        return torch.stack([mel] * 4)

    def torch_resampler(self, rate):
        if rate not in self.resamplers:
            self.resamplers[rate] = torchaudio.transforms.Resample(
                rate, 48000, "kaiser_window", lowpass_filter_width=math.ceil(96.5 * 0.95685), rolloff=0.95685, beta=12.9
            )
        return self.resamplers[rate]


class Files(torch.utils.data.Dataset):
    def __init__(self, paths, prepare):
        self.paths, self.prepare = paths, prepare

    def __len__(self):
        return len(self.paths)

    def __getitem__(self, i):
        return self.prepare(self.paths[i])


def over_files(prepare):
    def opened(_size, files):
        with open(files["list"]) as file:
            paths = file.read().split("\n")[:-1]
        # Its workers live on from run to run; each has one thread.
        loader = DataLoader(Files(paths, prepare), batch_size=4, num_workers=workers, persistent_workers=True)

        def run():
            total = 0.0
            for batch in loader:
                for item in batch:
                    total += float(item.flatten()[::STRIDE].abs().sum(dtype=torch.float64))
            return total

        run()  # starts them
        return run

    return opened


resampler = "" if soxr is None else f", soxr {soxr.__version__}"
serve(
    f"Pillow {PIL.__version__}, torchaudio {torchaudio.__version__}{resampler}, {workers} workers",
    {
        "preprocess/images": over_files(image),
        "preprocess/large-images": over_files(image),
        "preprocess/imagebind-audio": over_files(ImagebindAudio()),
        "preprocess/clap-audio": over_files(ClapAudio()),
    },
)

export { ClapAudio, type ClapFeatures, type Draw } from './clap-audio.ts';
export { clapDraw } from './clap-draw.ts';
export { ClapMel, quantiseInt16 } from './clap-mel.ts';
export { type Frames, resizeFrames } from './frames.ts';
export { clipped, clipRange, IMAGEBIND_AUDIO_DIMS, ImagebindAudio } from './imagebind-audio.ts';
export { KaiserResampler } from './kaiser-resampler.ts';
export { KaldiFbank } from './kaldi-fbank.ts';
export { denseBanks, kaldiBanks, type MelBanks, melBanks, type MelScale } from './mel-banks.ts';
export {
  centreSquare,
  CLIP_MEAN,
  CLIP_STD,
  IMAGENET_MEAN,
  IMAGENET_STD,
  type Pixels,
  type Region,
  type Rgb,
  shortSide,
} from './pixels.ts';
export { resizeBicubic } from './resize-bicubic.ts';
export { SincResampler } from './sinc-resampler.ts';
export { checkSound, firstNotFinite, mixDown } from './sound.ts';
export { IMAGEBIND_IMAGE, INTERNVL_IMAGE, squareBytes, type SquareInput, squareLevels } from './square-bytes.ts';

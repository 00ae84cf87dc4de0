"""Which audio formats are decoded, and by which suffixes files of them go: the only list of them."""

#: Format, as libsndfile names it → its suffixes. Left out are formats of samplers and calculators (MPC2K, SDS, WVE, XI,
#: AVR, SD2), Matlab's tables and headerless samples: nothing tells whether such a file is whole or a recording at all.
DECODED = {
    "WAV": (".wav", ".wave", ".bwf"),
    "FLAC": (".flac",),
    "AIFF": (".aiff", ".aif", ".aifc"),
    "W64": (".w64",),
    "RF64": (".rf64",),
    "WAVEX": (".wavex",),
    "CAF": (".caf",),
    "AU": (".au", ".snd"),
    "NIST": (".sph", ".nist"),
    "VOC": (".voc",),
    "IRCAM": (".sf", ".ircam"),
    "SVX": (".8svx", ".svx", ".iff"),
    "PAF": (".paf",),
    "PVF": (".pvf",),
    "HTK": (".htk",),
    "OGG": (".ogg", ".oga", ".opus"),
    "MP3": (".mp3", ".mp2"),
}
#: Suffixes that folders are searched for, lossless before lossy: of one utterance in two formats the first is used.
AUDIO_SUFFIXES = tuple(suffix for suffixes in DECODED.values() for suffix in suffixes)
LOSSY_SUFFIXES = (*DECODED["OGG"], *DECODED["MP3"])
#: Suffixes of audio and video that needs ffmpeg.
FOREIGN_SUFFIXES = (
    *(".m4a", ".mp4", ".m4b", ".mov", ".3gp", ".aac", ".webm", ".mkv", ".mka", ".amr", ".wma", ".wmv", ".avi"),
    *(".ape", ".wv", ".mpc", ".tta", ".flv", ".dsf", ".ac3", ".mpg", ".mpeg"),
)
FFMPEG_REMEDY = "convert it first, e.g. with ffmpeg -i FILE FILE.wav"

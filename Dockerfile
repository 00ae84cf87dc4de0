# VibeSpeaker for the processor, with its shipped model:
#   docker build -t vibespeaker .
#   docker run --rm -v "$PWD:/data" vibespeaker recognize recording.wav
FROM python:3.12-slim

# what libsndfile does not decode
RUN apt-get update && apt-get install --yes --no-install-recommends ffmpeg && rm -rf /var/lib/apt/lists/*

# PyTorch without CUDA's libraries, which its own index has
RUN pip install --no-cache-dir torch==2.11.0 torchaudio==2.11.0 --index-url https://download.pytorch.org/whl/cpu

COPY pyproject.toml README.md LICENSE /source/
COPY vibespeaker /source/vibespeaker
COPY configs /source/configs
RUN pip install --no-cache-dir /source && rm -rf /source

RUN useradd --create-home listener && mkdir /data && chown listener /data
USER listener
WORKDIR /data
ENTRYPOINT ["vibespeaker"]
CMD ["help"]

# Two stages: what compiles stays behind. docs/container.md says how this file is checked.

FROM python:3.11-slim-trixie AS build

RUN apt-get update \
    && apt-get install --yes --no-install-recommends gcc g++ libc6-dev \
    && rm -rf /var/lib/apt/lists/*

WORKDIR /src
COPY requirements/build.txt requirements/run.txt requirements/
RUN python -m pip install --no-cache-dir --require-hashes --requirement requirements/build.txt

# One image for every CPU of its architecture: each variant of the kernels is a library of its own,
# and the engine loads the best one that the CPU can run. They go beside the library that loads them.
ENV CMAKE_ARGS="-DGGML_NATIVE=OFF -DGGML_BACKEND_DL=ON -DGGML_CPU_ALL_VARIANTS=ON \
-DCMAKE_INSTALL_BINDIR=llama_cpp/lib -DCMAKE_INSTALL_LIBDIR=llama_cpp/lib \
-DCMAKE_INSTALL_INCLUDEDIR=llama_cpp/include"
RUN python -m pip install --no-cache-dir --require-hashes --no-build-isolation \
    --ignore-installed --prefix /install --requirement requirements/run.txt

# A wheel has no links, so each library came three times. The loader must find one file by all names.
WORKDIR /install/lib/python3.11/site-packages/llama_cpp/lib
RUN for file in lib*.so.*.*; do \
        ln -sf "$file" "${file%.*.*}" && ln -sf "$file" "${file%%.so.*}.so"; \
    done

WORKDIR /src
COPY pyproject.toml README.md LICENSE ./
COPY adapters adapters
COPY bot bot
COPY engine engine
COPY storage storage
RUN python -m pip install --no-cache-dir --no-build-isolation --no-deps --prefix /install .


FROM python:3.11-slim-trixie

RUN apt-get update \
    && apt-get install --yes --no-install-recommends libgomp1 tesseract-ocr tesseract-ocr-chi-sim \
    && rm -rf /var/lib/apt/lists/* \
    && install --directory --owner 10001 --group 10001 --mode 0700 /data /models

COPY --from=build /install /usr/local

# The root file system may be read-only: everything is written below /data, /models and /tmp.
# A parley.toml in /data is read, for that is where the program starts.
ENV PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    HOME=/data \
    PARLEY_STORAGE__PATH=/data/parley.db \
    PARLEY_ENGINE__MODELS_DIR=/models \
    PARLEY_WEB__HOST=0.0.0.0 \
    PARLEY_WEB__PORT=8420
WORKDIR /data
VOLUME ["/data", "/models"]
EXPOSE 8420
USER 10001:10001

STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=5s --start-period=5m --retries=3 \
    CMD ["python", "-c", "import urllib.request as http; http.urlopen('http://127.0.0.1:8420/readyz', timeout=4)"]

ENTRYPOINT ["parley"]
CMD ["run"]

LABEL org.opencontainers.image.title="Parley" \
      org.opencontainers.image.description="The private assistant that a team trusts inside its own chat" \
      org.opencontainers.image.licenses="Apache-2.0"

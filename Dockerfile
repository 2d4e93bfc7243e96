# One image for all programs: the entry point is the same `calltape` as on a laptop.
FROM python:3.12-slim-bookworm AS build
RUN pip install --no-cache-dir "uv==0.9.*"
WORKDIR /src
COPY pyproject.toml uv.lock README.md ./
# The dependencies first, so that a change of the code does not install them again.
RUN uv sync --frozen --no-dev --extra tryout --no-install-project --no-editable
COPY ingest ingest
COPY pipeline pipeline
COPY dashboard dashboard
COPY simulator simulator
COPY calltape calltape
RUN uv sync --frozen --no-dev --extra tryout --no-editable

FROM python:3.12-slim-bookworm
RUN useradd --create-home --uid 10001 calltape && install -d -o calltape -g calltape /data
COPY --from=build /src/.venv /src/.venv
ENV PATH=/src/.venv/bin:$PATH CALLTAPE_DATA_DIR=/data PYTHONUNBUFFERED=1
USER calltape
WORKDIR /home/calltape
VOLUME /data
ENTRYPOINT ["calltape"]
CMD ["--help"]

# Trains, measures and exports. Runs and downloads go to mounted folders:
#     docker build -f docker/training.Dockerfile -t carousel .
#     docker run --rm -v "$PWD/runs:/carousel/runs" -v carousel-cache:/cache carousel
#     docker run --rm -v "$PWD/runs:/carousel/runs" -v carousel-cache:/cache \
#         carousel experiments.sentiment imdb
FROM python:3.11-slim-bookworm
WORKDIR /carousel
COPY requirements-runtime.txt requirements.txt ./
RUN pip install --no-cache-dir -r requirements.txt
COPY lstm_layer lstm_layer
COPY apps apps
COPY serving serving
COPY experiments experiments
RUN useradd --no-create-home --uid 1000 trainer && mkdir /cache runs && chown trainer /cache runs
USER 1000
ENV CAROUSEL_CACHE=/cache TFDS_DATA_DIR=/cache/tensorflow_datasets
ENTRYPOINT ["python", "-m"]
CMD ["experiments"]

# Serves exported models with ONNX Runtime, without TensorFlow:
#     docker build -f docker/runtime.Dockerfile -t carousel-runtime .
#     docker run --rm -p 127.0.0.1:8501:8501 -v "$PWD/runs:/runs:ro" carousel-runtime
FROM python:3.11-slim-bookworm
WORKDIR /carousel
COPY requirements-runtime.txt .
RUN pip install --no-cache-dir -r requirements-runtime.txt
COPY apps apps
COPY serving serving
RUN useradd --no-create-home --uid 1000 server
USER 1000
EXPOSE 8501
HEALTHCHECK CMD ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:8501/v1/models')"]
ENTRYPOINT ["python", "-m", "serving.server", "--engine", "onnx", "--host", "0.0.0.0"]
CMD ["/runs"]

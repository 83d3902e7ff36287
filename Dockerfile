# Fieldmark on a server: the app on port 8501, its home in the volume /home/fieldmark/.fieldmark.
#
#   docker build -t fieldmark .
#   docker run -p 127.0.0.1:8501:8501 -v fieldmark:/home/fieldmark/.fieldmark -v ~/birds:/data/birds:ro fieldmark
#
# Who reaches the port may use the app: share it only with a login, as compose.yaml shows.
FROM python:3.12-slim

# The healthcheck and the app need nothing of the system beside Python; a GPU needs another base.
RUN useradd --create-home --uid 1000 fieldmark
WORKDIR /opt/fieldmark

# The requirements change less often than the code, so they are a layer of their own. The index has PyTorch for processors.
COPY requirements.txt ./
RUN pip install --no-cache-dir --extra-index-url https://download.pytorch.org/whl/cpu -r requirements.txt 'Authlib>=1.3.2,<2'

COPY pyproject.toml README.md LICENSE app.py ./
COPY .streamlit .streamlit
COPY docs docs
COPY pages pages
COPY sm_scripts sm_scripts
COPY core core
COPY ui ui
COPY fieldmark fieldmark
RUN pip install --no-cache-dir --no-deps . && rm -rf /opt/fieldmark

USER fieldmark
WORKDIR /home/fieldmark
RUN mkdir -m 700 .fieldmark
VOLUME /home/fieldmark/.fieldmark
EXPOSE 8501
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s \
  CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8501/_stcore/health', timeout=4)"]
# Streamlit listens on 127.0.0.1 by its settings, which nothing outside a container reaches.
ENV STREAMLIT_SERVER_ADDRESS=0.0.0.0
CMD ["fieldmark", "run", "--headless"]

# Build from the repository's root: docker build -f inference_containers/text/vllm.Dockerfile .
# AWS's vLLM container for SageMaker: CUDA 12.9, Python 3.12 in /opt/venv, vLLM and transformers.
# AWS publishes tags for it and no digests; `engine_image` of the environment file names another.
ARG BASE=763104351884.dkr.ecr.us-west-2.amazonaws.com/vllm:server-sagemaker-cuda-v1.3
FROM ${BASE}
WORKDIR /opt/program
# Nothing is installed: the container's packages are used as they are.
COPY meguru meguru
COPY inference_containers/__init__.py inference_containers/__init__.py
COPY inference_containers/serving inference_containers/serving
COPY inference_containers/text inference_containers/text
ENV PYTHONUNBUFFERED=1 HF_HUB_OFFLINE=1
EXPOSE 8080
# No USER: SageMaker expects containers to run as root, whose folders under /opt/ml are. Source:
# SageMaker AI developer guide, "Custom Inference Code with Hosting Services".
ENTRYPOINT ["python3", "-m", "inference_containers.text.vllm"]

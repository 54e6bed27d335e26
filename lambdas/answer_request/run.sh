#!/bin/sh
# The Lambda Web Adapter starts this and sends each request to the port it names.
exec python3 -m lambdas.answer_request.server

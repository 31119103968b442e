"""OpenAI's Responses, stateless: nothing is kept between two requests (openai-python 3.57, 2026-11).

llama.cpp b11549 and vLLM 0.32 have this route themselves, not every engine and provider does. All are asked
for chat completions, so that it is the same whatever serves, and figures are read here too.
"""

"""Writes chats.json: chat templates as models bring them, and the prompts that transformers makes of conversations.

    pip install transformers==5.23.0 jinja2
    python tests/golden/make_chats.py && npx biome check --write tests/golden

The templates are written after those of the families they are named for, with what is particular to each.
"""

import datetime
import json
import pathlib

import transformers
import transformers.utils.chat_template_utils as chat_templates
from tokenizers import Tokenizer, models

templates = {
    "llama-2": {
        "template": """{% if messages[0]['role'] == 'system' %}{% set loop_messages = messages[1:] %}{% set system_message = messages[0]['content'] %}{% else %}{% set loop_messages = messages %}{% set system_message = false %}{% endif %}{% for message in loop_messages %}{% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}{{ raise_exception('Conversation roles must alternate user/assistant/user/assistant/...') }}{% endif %}{% if loop.index0 == 0 and system_message != false %}{% set content = '<<SYS>>\\n' + system_message + '\\n<</SYS>>\\n\\n' + message['content'] %}{% else %}{% set content = message['content'] %}{% endif %}{% if message['role'] == 'user' %}{{ bos_token + '[INST] ' + content.strip() + ' [/INST]' }}{% elif message['role'] == 'assistant' %}{{ ' '  + content.strip() + ' ' + eos_token }}{% endif %}{% endfor %}""",
        "tokens": {"bos_token": "<s>", "eos_token": "</s>"},
    },
    "chatml": {
        "template": """{%- for message in messages %}
    {{- '<|im_start|>' + message.role + '\\n' + message.content | trim + '<|im_end|>' + '\\n' }}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|im_start|>assistant\\n' }}
{%- endif %}
""",
        "tokens": {"eos_token": "<|im_end|>"},
    },
    "qwen": {
        "template": """{%- if tools %}
    {{- '<|im_start|>system\\n' }}
    {%- if messages[0]['role'] == 'system' %}
        {{- messages[0]['content'] }}
    {%- else %}
        {{- 'You are a helpful assistant.' }}
    {%- endif %}
    {{- "\\n\\n# Tools\\n\\n<tools>" }}
    {%- for tool in tools %}
        {{- "\\n" }}
        {{- tool | tojson }}
    {%- endfor %}
    {{- "\\n</tools><|im_end|>\\n" }}
{%- else %}
    {%- if messages[0]['role'] == 'system' %}
        {{- '<|im_start|>system\\n' + messages[0]['content'] + '<|im_end|>\\n' }}
    {%- endif %}
{%- endif %}
{%- set ns = namespace(last=messages|length - 1) %}
{%- for message in messages[::-1] %}
    {%- if message.role == "user" and ns.last == messages|length - 1 %}
        {%- set ns.last = (messages|length - 1) - loop.index0 %}
    {%- endif %}
{%- endfor %}
{%- for message in messages %}
    {%- if message.role == "user" or message.role == "assistant" %}
        {%- set content = message.content.split('</think>')[-1].lstrip('\\n') if '</think>' in message.content else message.content %}
        {{- '<|im_start|>' + message.role + ('#' + ns.last|string if loop.last else '') + '\\n' + content + '<|im_end|>' + '\\n' }}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|im_start|>assistant\\n' }}
    {%- if enable_thinking is defined and enable_thinking is false %}
        {{- '<think>\\n\\n</think>\\n\\n' }}
    {%- endif %}
{%- endif %}""",
        "tokens": {"eos_token": "<|im_end|>"},
    },
    "smollm2": {
        "template": """{% for message in messages %}{% if loop.first and messages[0]['role'] != 'system' %}{{ '<|im_start|>system\nYou are a helpful AI assistant named SmolLM, trained by Hugging Face<|im_end|>\n' }}{% endif %}{{'<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n'}}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}""",
        "tokens": {"bos_token": "<|im_start|>", "eos_token": "<|im_end|>"},
    },
    "dated": {
        "template": """{% if not date_string is defined %}{% set date_string = strftime_now("%d %b %Y, %A %H:%M") %}{% endif %}
{{ bos_token }}Today: {{ date_string }}
{% for message in messages %}
{{ message.role | upper }}: {{ message['content'] | trim }}{{ eos_token }}
{% endfor %}
{% if add_generation_prompt %}
ASSISTANT:
{% endif %}""",
        "tokens": {"bos_token": "<s>", "eos_token": "</s>"},
    },
}
user = lambda content: {"role": "user", "content": content}
assistant = lambda content: {"role": "assistant", "content": content}
system = {"role": "system", "content": "Answer in one word."}
tool = {"type": "function", "function": {"name": "now", "description": "It's the time", "parameters": {"type": "object", "properties": {}}}}
conversations = [
    {"messages": [user("What is the capital of France?")]},
    {"messages": [system, user("  Grüße, 水?\n"), assistant("<think>hm</think>\n\nHallo"), user("And \"quotes\" & {{ braces }}?")]},
    {"messages": [user("Hi"), assistant("Hello")], "isAnswerNext": False},
    {"messages": [user("What time is it?")], "tools": [tool], "variables": {"enable_thinking": False}},
    {"messages": [assistant("I begin")]},
]
now = datetime.datetime(2026, 3, 7, 9, 5, 4)


class Clock(datetime.datetime):
    @classmethod
    def now(cls, tz=None):
        return now


chat_templates.datetime = Clock


def prompt_of(template, conversation):
    tokenizer = transformers.PreTrainedTokenizerFast(tokenizer_object=Tokenizer(models.BPE()), **template["tokens"])
    tokenizer.chat_template = template["template"]
    try:
        return tokenizer.apply_chat_template(
            conversation["messages"], tools=conversation.get("tools"), tokenize=False,
            add_generation_prompt=conversation.get("isAnswerNext", True), **conversation.get("variables", {}),
        )
    except Exception as error:
        return {"error": str(error)}


golden = {
    "now": now.isoformat(),
    "conversations": conversations,
    "templates": {name: template | {"prompts": [prompt_of(template, each) for each in conversations]} for name, template in templates.items()},
}
pathlib.Path(__file__).with_name("chats.json").write_text(json.dumps(golden, ensure_ascii=False) + "\n")

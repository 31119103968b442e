"""What engines, drivers and container tools write when they cannot go on, and what helps."""

from __future__ import annotations

from dataclasses import dataclass

_LESS = "Close other programs, or ask for less with --context and --parallel."
_TOOLKIT = "https://docs.nvidia.com/datacenter/cloud-native/container-toolkit/latest/install-guide.html"


@dataclass(frozen=True)
class Fault:
    pattern: str
    """Of one line; may name a `detail`."""
    reason: str
    """Completes the sentence 'the engine did not start: …'."""
    hint: str


FAULTS = (
    # The first that matches wins, so the specific ones come first. Memory of a card:
    Fault(
        r"Free memory on device .*is less than desired GPU memory utilization",
        "other programs hold memory of the card that the plan counts on",
        "Close them (nvidia-smi lists them), then run the command again: it plans with what is free then.",
    ),
    Fault(
        r"No available memory for the cache blocks|larger than the available KV cache memory",
        "the card has no room for the cache that this context wants",
        _LESS,
    ),
    Fault(
        r"(CUDA|HIP) out of memory|cudaMalloc failed: out of memory|ErrorOutOfDeviceMemory"
        r"|unable to allocate (CUDA|ROCm|Vulkan)\d* buffer",
        "the card's memory ran out",
        _LESS,
    ),
    # What a container needs of the machine:
    Fault(
        r"could not select device driver .*gpu|unresolvable CDI devices|invalid runtime name: nvidia",
        "containers cannot reach the NVIDIA card here",
        f"Install NVIDIA's Container Toolkit: {_TOOLKIT}\n`kanoa-mlops doctor` shows whether it is seen.",
    ),
    Fault(
        r"unsatisfied condition: cuda>=(?P<detail>[\d.]+)|CUDA driver version is insufficient"
        r"|NVIDIA driver on your system is too old",
        "the NVIDIA driver is older than this engine needs",
        "Update the driver and reboot; `kanoa-mlops doctor` says which version is wanted.",
    ),
    Fault(
        r"libnvidia-ml\.so\S*: cannot open|load library failed: libnvidia-ml",
        "the NVIDIA driver is not loaded",
        "Install it or reboot: `nvidia-smi` must show the card first.",
    ),
    Fault(
        r"(?P<detail>/dev/(kfd|dri)[\w/]*)\W.*no such file or directory",
        "{detail} is missing: AMD's driver is not loaded",
        "Install it and reboot: `rocminfo` must show the card first.",
    ),
    Fault(
        r"no kernel image is available for execution|HIP error: invalid device function",
        "this build of the engine has no code for this card",
        "`kanoa-mlops plan {model}` shows other engines; name one with --engine.",
    ),
    Fault(
        r"bind: address already in use|port is already allocated|couldn't bind",
        "the port chosen for it was taken meanwhile",
        "Run the command again: another port is chosen.",
    ),
    # Weights and code:
    Fault(
        r"requires? you to execute the (configuration|model) file|trust_remote_code=True",
        "it wants to run code that comes with the weights",
        "Read it, then allow it: `kanoa-mlops trust {model}`",
    ),
    Fault(
        r"Model architectures? \[?'?(?P<detail>\w+)'?\]? (is|are) not supported",
        "this vLLM does not know the architecture {detail}",
        "`kanoa-mlops plan {model}` shows other engines; name one with --engine.",
    ),
    Fault(
        r"SafetensorError|header too (large|small)",
        "a file of the weights is damaged",
        "Run `kanoa-mlops pull {model}`: it checks the files and fetches what is damaged afresh.",
    ),
    # llama.cpp:
    Fault(
        r"insufficient memory|failed to allocate|bad_alloc|Cannot allocate memory|DefaultCPUAllocator: can",
        "there was not enough memory for the weights and the context",
        _LESS,
    ),
    Fault(
        r"not within the file bounds|invalid magic|failed to read key-value|corrupted or incomplete",
        "the weights file is damaged",
        "Run `kanoa-mlops pull {model}`: it checks the file and fetches it afresh.",
    ),
    Fault(
        r"unknown model architecture: '?(?P<detail>[\w.-]+)",
        "this llama.cpp does not know the architecture {detail}",
        "Update it: pip install --upgrade xllamacpp",
    ),
    Fault(
        r"ImportError: (?P<detail>lib[\w+-]+)\.so\S*: cannot open shared object file",
        "the system library {detail} is missing",
        "On Debian or Ubuntu: apt-get install {detail}1",
    ),
    Fault(
        r"No module named '?xllamacpp", "llama.cpp is not installed", "pip install 'kanoa-mlops[embedded]'"
    ),
)

"""Whether a picture is of the kind that the model was trained on.

A Gaussian of the frozen encoder's patch tokens, averaged over the upper and over the lower half of the picture: how far
a picture lies from the mean of the training pictures, in their own spread (Mahalanobis distance; Lee et al.,
arXiv 1807.03888). It tells another world, and the trained one upside down, from the trained one. It does not tell a
familiar picture of which the model is wrong.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save as save_safetensors
from torch import Tensor

from gaze_vlm_ros.vlm.checkpoint import CONFIG, WEIGHTS, CheckpointError, write_atomically

DOMAIN = "domain.safetensors"
REMEDY = "make it anew with `gaze-vlm-ros train`, or delete it to go without the check"
SHRINKAGE = 0.01
"""Weight of a round Gaussian of the same size: it keeps directions in which training pictures never vary from counting
without bound."""
QUANTILE = 0.995
"""Share of the validation pictures that lies within the threshold."""


@dataclass(frozen=True)
class Domain:
    """``mean`` (2 D,), ``whitening`` (2 D, 2 D) and the ``threshold`` beyond which a picture is foreign.

    ``weights_sha256`` names the weights whose tokens they describe.
    """

    mean: Tensor
    whitening: Tensor
    threshold: float
    weights_sha256: str

    @classmethod
    def fit(cls, train: Tensor, validation: Tensor, weights_sha256: str) -> Domain:
        """From pooled tokens of training pictures (N, 2 D) and of validation pictures (M, 2 D), N > 1."""
        train = train.double()
        covariance = torch.cov(train.T)
        size = covariance.diagonal().mean()
        shrunk = (1 - SHRINKAGE) * covariance + SHRINKAGE * size * torch.eye(len(covariance), dtype=torch.float64)
        whitening = torch.linalg.inv(torch.linalg.cholesky(shrunk))
        open_ended = cls(train.mean(0).float(), whitening.float().contiguous(), float("inf"), weights_sha256)
        threshold = torch.quantile(open_ended.distance(validation), QUANTILE).item()
        return cls(open_ended.mean, open_ended.whitening, threshold, weights_sha256)

    def distance(self, pooled: Tensor) -> Tensor:
        """Pooled tokens (..., 2 D) -> distance from the training pictures (...), in standard deviations."""
        return torch.linalg.vector_norm((pooled - self.mean) @ self.whitening.T, dim=-1)

    def holds(self, tokens: Tensor) -> Tensor:
        """Patch tokens (F, P, D) -> whether each picture is of the trained kind (F,); one with a NaN is not."""
        return self.distance(pooled(tokens)) <= self.threshold

    def save(self, folder: Path) -> None:
        tensors = {"mean": self.mean, "whitening": self.whitening, "threshold": torch.tensor(self.threshold)}
        data = save_safetensors(tensors, metadata={"weights_sha256": self.weights_sha256})
        write_atomically(folder / DOMAIN, data)


def pooled(tokens: Tensor) -> Tensor:
    """Patch tokens (..., P, D), rows first -> their means over the picture's upper and lower half (..., 2 D)."""
    middle = tokens.shape[-2] // 2
    return torch.cat([tokens[..., :middle, :].mean(-2), tokens[..., middle:, :].mean(-2)], dim=-1)


def weights_digest(folder: Path) -> str:
    """The digest of a checkpoint's weights, as its configuration gives it."""
    return json.loads((folder / CONFIG).read_text()).get("weights_sha256", "")


def load_domain(folder: str | Path, hidden: int) -> Domain | None:
    """The domain of a checkpoint whose tokens have ``hidden`` dimensions; None where it has none.

    Raises CheckpointError for a file that is damaged, of another shape, or of other weights.
    """
    path = Path(folder) / DOMAIN
    if not path.is_file():
        return None
    try:
        with safe_open(path, framework="pt") as file:
            mean, whitening, threshold = (file.get_tensor(name) for name in ("mean", "whitening", "threshold"))
            digest = (file.metadata() or {}).get("weights_sha256", "")
    except (SafetensorError, OSError, ValueError, KeyError, RuntimeError) as error:
        raise CheckpointError(f"{path} is damaged ({error}); {REMEDY}") from None
    size = 2 * hidden
    if mean.shape != (size,) or whitening.shape != (size, size) or threshold.shape != ():
        raise CheckpointError(f"{path} does not fit its {CONFIG}; {REMEDY}")
    if digest != weights_digest(Path(folder)):
        raise CheckpointError(f"{path} was made for other weights than {WEIGHTS}; {REMEDY}")
    return Domain(mean, whitening, threshold.item(), digest)

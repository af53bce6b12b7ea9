"""A transformers vision-language model with the gaze block between its projector and its language model."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from gaze_vlm_ros.vlm.block import BlockOutput, GazeBlock
from gaze_vlm_ros.vlm.loss import gaze_kl, word_loss
from gaze_vlm_ros.vlm.wrap import lora, storage
from gaze_vlm_ros.vlm.wrap.checks import check_frames, check_heatmap, check_ids, check_scored
from gaze_vlm_ros.vlm.wrap.errors import WrapError
from gaze_vlm_ros.vlm.wrap.families import family_of
from gaze_vlm_ros.vlm.wrap.modulation import AttentionModulation, cell_shape
from gaze_vlm_ros.vlm.wrap.prompt import Prompt, rewrite_placeholders
from gaze_vlm_ros.vlm.wrap.settings import WrapSettings

if TYPE_CHECKING:
    from peft import LoraConfig


class WrappedOutput(NamedTuple):
    """``loss = words + gaze_weight * gaze``, all scalars; ``logits`` (B, L', V) of the rewritten ``prompt``;
    ``attention`` (B, T, P), float32."""

    loss: Tensor
    words: Tensor
    gaze: Tensor
    logits: Tensor
    attention: Tensor
    prompt: Prompt


class WrappedVLM(nn.Module):
    """Windows of frames and a prompt in, words out, through the gaze block (Gaze-VLM, section 3).

    ``model`` keeps its class and its code. Its vision encoder and projector are frozen here, as in the paper. Shapes:
    B windows of T frames, P tokens per frame on ``grid``, width D of the language model, prompts of L ids.

    ``frames`` is always (B, T, 3, H, W), normalised as the model's image processor does, H x W of
    ``grid.frame_size``, or tokens (B, T, P, D) that ``encode`` gave. Heatmaps are (B, T, P), each frame's summing to 1,
    or all 0 where there is no gaze. ``mask`` (B, L) is 0 at padding. Every method raises WrapError, naming what is
    wrong, for input that does not fit.
    """

    def __init__(self, model: PreTrainedModel, settings: WrapSettings) -> None:
        """Raises WrapError for a family that is not known, a frame size or a number of heads that does not fit."""
        super().__init__()
        self.family, self.settings = family_of(model.config), settings
        self.grid = self.family.grid(model.config, settings.frame_size)
        hidden = model.config.get_text_config().hidden_size
        if hidden % settings.heads:
            raise WrapError(f"heads {settings.heads} must divide the hidden size {hidden} of the language model")
        self.model = model
        self.block = GazeBlock(hidden, settings.layers, settings.heads, settings.ff_mult)
        self.modulation = AttentionModulation() if settings.mode == "tokens" else None
        self.output_shape = (1, 1) if self.modulation is None else cell_shape(self.grid.shape)
        for part in filter(None, (self.block, self.modulation)):
            part.to(model.device, model.dtype)
        self._freeze_vision()

    @property
    def language_model(self) -> PreTrainedModel:
        return getattr(self.model.model, self.family.language)

    @torch.no_grad()
    def encode(self, frames: Tensor) -> Tensor:
        """Frames (B, T, 3, H, W) -> projected tokens (B, T, P, D), without gradient; each frame is looked at alone."""
        check_frames(frames, self.grid, self.block.norm_out.normalized_shape[0])
        if frames.ndim == 4:
            return frames
        flat = frames.flatten(0, 1).to(self.model.device, self.model.dtype)
        tokens = self.family.project(self.model, flat, self.grid)
        if tokens.shape[1] != self.grid.tokens:
            raise WrapError(
                f"the model gives {tokens.shape[1]} tokens per frame where its configuration promises "
                f"{self.grid.tokens}; its vision_feature_select_strategy does not fit its encoder"
            )
        return tokens.unflatten(0, frames.shape[:2])

    def attend(self, frames: Tensor, gaze: Tensor | None = None) -> BlockOutput:
        """Features (B, T, D) and attention (B, T, P). ``gaze`` is a heatmap that the model is given as input."""
        return self._attend(self.encode(frames), gaze)

    def forward(
        self,
        frames: Tensor,
        ids: Tensor,
        scored: Tensor,
        *,
        target: Tensor | None = None,
        gaze: Tensor | None = None,
        mask: Tensor | None = None,
        gaze_weight: float = 1.0,
    ) -> WrappedOutput:
        """``CE + gaze_weight * KL(target || attention)`` [nats], the paper's loss with a true KL (``vlm/loss.py``).

        ``ids`` (B, L) with one placeholder per frame, or as many as the family's processor writes; ``scored`` (B, L)
        is True at the words to be learned. ``target`` is the heatmap of the wearer's gaze; frames that are given their
        ``gaze`` as input have no part in the KL. ``gaze_weight`` is lambda.
        """
        check_scored(scored, ids)
        tokens = self.encode(frames)
        attended = self._attend(tokens, gaze)
        prompt, embedded, positions = self.prepare(tokens, attended, ids, mask)
        logits = self.model(
            inputs_embeds=embedded, attention_mask=prompt.mask, position_ids=positions, use_cache=False
        ).logits
        words = word_loss(logits.float(), prompt.ids, self._scored(prompt, scored))
        divergence = words.new_zeros(())
        if target is not None:
            check_heatmap("target", target, attended.attention)
            counted = target.sum(-1) > 0
            if gaze is not None:
                counted = counted & ~(gaze.sum(-1) > 0)
            divergence = gaze_kl(target.to(attended.attention), attended.attention, counted.to(self.model.device))
        loss = words + gaze_weight * divergence
        return WrappedOutput(loss, words, divergence, logits, attended.attention, prompt)

    @torch.no_grad()
    def generate(
        self, frames: Tensor, ids: Tensor, *, gaze: Tensor | None = None, mask: Tensor | None = None, **options
    ) -> Tensor:
        """The model's own ``generate`` with its cache -> new ids (B, N), without the prompt.

        ``options`` go to it, as ``max_new_tokens``. Shorter prompts are padded on the left.
        """
        if mask is not None and not mask[:, -1].all():
            raise WrapError("prompts to go on from must be padded on the left; set padding_side='left'")
        tokens = self.encode(frames)
        prompt, embedded, positions = self.prepare(tokens, self._attend(tokens, gaze), ids, mask)
        return self.model.generate(
            inputs_embeds=embedded, attention_mask=prompt.mask, position_ids=positions, **options
        )

    def prepare(
        self, tokens: Tensor, attended: BlockOutput, ids: Tensor, mask: Tensor | None
    ) -> tuple[Prompt, Tensor, Tensor]:
        """The rewritten prompts, their embeddings (B, L', D) with the frames in place, and their positions.

        ``tokens`` (B, T, P, D) of ``encode``, ``attended`` what ``attend`` made of them.
        """
        batch, frames = tokens.shape[:2]
        mask = torch.ones_like(ids) if mask is None else mask
        check_ids(ids, mask, batch)
        ids, mask = ids.to(self.model.device), mask.to(self.model.device, torch.long)
        image_token, (rows, cols) = self.model.config.image_token_id, self.output_shape
        prompt = rewrite_placeholders(
            ids, mask, image_token, frames, self.family.own_count(self.grid), rows * cols, self.family.single_crop
        )
        image = prompt.ids == image_token
        positions = self.family.positions(self.model, image, prompt.mask, self.output_shape)
        features = attended.features
        if self.modulation is not None:
            features = self.modulation(tokens.to(features), attended, self.grid.shape)
        embedded = self.model.get_input_embeddings()(prompt.ids)
        return prompt, embedded.masked_scatter(image[..., None], features.to(embedded)), positions

    def add_lora(self, config: LoraConfig) -> None:
        """Puts adapters into the language model and freezes all else but the gaze block.

        Raises WrapError for a configuration that is no plain LoRA, and where there is an adapter already.
        """
        lora.inject(self.language_model, config)
        for name, parameter in self.model.named_parameters():
            parameter.requires_grad_("lora_" in name)

    def enable_gradient_checkpointing(self) -> None:
        """Computes the language model's layers twice in training, to keep only their inputs; same gradients."""
        self.language_model.activation_checkpointing_enable({"use_reentrant": False})

    def added_state(self) -> dict[str, Tensor]:
        """The tensors that wrapping added: block and modulation. Adapters are not among them."""
        return {name: tensor for name, tensor in self.state_dict().items() if not name.startswith("model.")}

    def save_pretrained(self, folder: str | Path) -> None:
        """Writes the model as transformers does, and the block, its settings and the adapters beside it."""
        storage.save(self, Path(folder))

    @classmethod
    def from_pretrained(cls, folder: str | Path, dtype: torch.dtype | str = "auto") -> WrappedVLM:
        """What ``save_pretrained`` wrote, in evaluation mode; never asks the network.

        ``dtype`` "auto" is the one it was saved in. Raises WrapCheckpointError naming the file that is missing,
        damaged or of another shape.
        """
        model, settings, adapted = storage.read_model(Path(folder), dtype)
        wrapped = cls(model, settings)
        storage.fill(wrapped, Path(folder), adapted)
        return wrapped.eval()

    def _freeze_vision(self) -> None:
        language = [*self.language_model.parameters(), *self.model.get_output_embeddings().parameters()]
        kept = {id(parameter) for parameter in language}
        for parameter in self.model.parameters():
            if id(parameter) not in kept:
                parameter.requires_grad_(False)

    def _attend(self, tokens: Tensor, gaze: Tensor | None) -> BlockOutput:
        tokens = tokens.to(self.block.norm_out.weight)
        if gaze is None:
            return self.block(tokens)
        check_heatmap("gaze", gaze, tokens[..., 0])
        gaze = gaze.to(tokens.device, torch.float32)
        return self.block(tokens, gaze, gaze.sum(-1) > 0)

    def _scored(self, prompt: Prompt, scored: Tensor) -> Tensor:
        """``scored`` of the original prompts, carried to the rewritten ones; never padding or a frame."""
        carried = scored.to(prompt.source.device).gather(1, prompt.source)
        carried = carried & (prompt.ids != self.model.config.image_token_id) & prompt.mask.bool()
        if not carried[:, 1:].any():
            raise WrapError("no word is scored; set scored to True at the words to be learned")
        return carried

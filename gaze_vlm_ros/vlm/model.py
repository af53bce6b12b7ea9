"""A transformers vision-language model with the gaze block between its projector and its language model."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from transformers import LlavaForConditionalGeneration, PreTrainedModel

from gaze_vlm_ros.vlm.block import BlockOutput, GazeBlock
from gaze_vlm_ros.vlm.config import IMAGE_TOKEN_ID, GazeVLMConfig
from gaze_vlm_ros.vlm.fused import FusedStem
from gaze_vlm_ros.vlm.spoken import SpokenGaze
from gaze_vlm_ros.vlm.stem import ResidualStem
from gaze_vlm_ros.vlm.wrap.modulation import AttentionModulation
from gaze_vlm_ros.vlm.wrap.settings import WrapSettings
from gaze_vlm_ros.vlm.wrap.wrapped import WrappedVLM


class GazeVLM(nn.Module):
    """The base model (``base``), the gaze block (``block``) and a linear classifier of patches (``patch_head``).

    The parts are called one after the other by training and by streaming: ``encode`` once per frame, ``attend`` once
    per window, ``logits`` once per sentence.
    """

    def __init__(self, config: GazeVLMConfig) -> None:
        super().__init__()
        self.config = config
        self.base = LlavaForConditionalGeneration(config.base_config())
        self.base.model.vision_tower.embeddings.patch_embedding = ResidualStem(config.hidden, config.patch_size)
        # Sentences are so short that the fused kernel's backward pass takes twice as long as plain attention's.
        self.base.model.language_model.set_attn_implementation("eager")
        self.block = GazeBlock(config.hidden, config.block_layers, config.block_heads, config.block_ff_mult)
        self.modulation = AttentionModulation() if config.output == "tokens" else None
        self.spoken = SpokenGaze(config.hidden, config.grid) if config.output == "words" else None
        self.patch_head = nn.Linear(config.hidden, len(config.labels))

    @staticmethod
    def wrap(model: PreTrainedModel, **settings) -> WrappedVLM:
        """Puts the block into somebody else's vision-language model; ``settings`` are the fields of ``WrapSettings``.

        Raises WrapError, naming the families that can be wrapped, for a model of another one.
        """
        return WrappedVLM(model, WrapSettings(**settings))

    @property
    def stem(self) -> ResidualStem | FusedStem:
        return self.base.model.vision_tower.embeddings.patch_embedding

    def fuse_stem(self) -> None:
        """Makes ``encode`` faster (``FusedStem``). From here on the encoder is for inference alone, not to be saved."""
        self.base.model.vision_tower.embeddings.patch_embedding = FusedStem(self.stem)

    def encode(self, pixels: Tensor) -> Tensor:
        """Frames (F, 3, S, S) in [-1, 1] -> projected patch tokens (F, P, D), rows first."""
        features = self.base.model.get_image_features(pixels, return_dict=True).pooler_output
        return torch.stack(tuple(features))

    def classify(self, tokens: Tensor) -> Tensor:
        """Patch tokens (..., P, D) -> logits (..., P, labels) of what each patch shows."""
        return self.patch_head(tokens)

    def attend(
        self, tokens: Tensor, heatmap: Tensor | None = None, given: Tensor | None = None, replaces: bool = False
    ) -> BlockOutput:
        """Patch tokens (B, T, P, D), optional gaze (see ``GazeBlock.forward``) -> the tokens that stand for the frames
        in the prompt (B, ``config.image_tokens``, D), and the attention."""
        if self.spoken is not None:
            if replaces:
                raise ValueError("a model that is told gaze in words has no attention for it to replace")
            pooled = self.block(tokens)
            return BlockOutput(self.spoken(pooled.features, heatmap, given), pooled.attention)
        pooled = self.block(tokens, heatmap, given, replaces)
        if self.modulation is None:
            return pooled
        return BlockOutput(self.modulation(tokens, pooled, self.config.grid).flatten(1, 2), pooled.attention)

    def embed(self, features: Tensor, ids: Tensor) -> Tensor:
        """Token ids (N, L) with I placeholders per row, filled with ``features`` (N, I, D) -> (N, L, D)."""
        embedded = self.base.get_input_embeddings()(ids)
        return embedded.masked_scatter((ids == IMAGE_TOKEN_ID)[..., None], features.to(embedded.dtype))

    def logits(self, features: Tensor, ids: Tensor) -> Tensor:
        """Teacher-forced next-token logits (N, L, V). Rows are padded on the right, where nothing attends to them."""
        return self.base(inputs_embeds=self.embed(features, ids), use_cache=False).logits

    def freeze_encoder(self) -> None:
        """Stops the gradients of the vision encoder, the projector and the patch classifier."""
        for part in (self.base.model.vision_tower, self.base.model.multi_modal_projector, self.patch_head):
            part.requires_grad_(False)

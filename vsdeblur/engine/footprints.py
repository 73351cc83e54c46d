"""What the stages of a chunk hold: stages declare their footprints, here they are added up.

    max( resident + max( taking out light and overlays, motion ),
         resident of the chunk and those beside it + key frames + max( solving a tile, rendering ) )

resident are the host's frames, the window and its motion. Where frames are restored by themselves, a second sum has
what that takes, and the larger of both counts.
"""

from __future__ import annotations

from dataclasses import dataclass

from vsdeblur.blind.footprint import beside_tiles
from vsdeblur.calibration.shutter import window as shutter
from vsdeblur.clip import overlay
from vsdeblur.clip.cadence import REACH
from vsdeblur.engine import classical, host_frames
from vsdeblur.engine.light import cleaning_footprint, unblended_footprint
from vsdeblur.flow import learned_engine
from vsdeblur.flow.footprint import finding_footprint, motion_footprint, splatting_footprint
from vsdeblur.footprint import FrameSize, TileFootprint
from vsdeblur.presets import EFFORTS
from vsdeblur.priors.protocol import ImagePrior, learning_bytes
from vsdeblur.settings import Options
from vsdeblur.solver import consistency, keyframes, zstep
from vsdeblur.solver.render import instant, limits, refined
from vsdeblur.solver.unrolled import instants, stage
from vsdeblur.solver.unrolled.choose import uses_instant_step, uses_key_frame_step

HALO = 2  # the key frames next to the chunk need their own neighbours for a path
ROLLING_HALO = 3  # with a rolling shutter one more key frame before the chunk is rendered from
MIN_OVERLAP, MAX_OVERLAP = 32, 96  # of tiles, pixels
_OVERLAP_STEP = 16
_MOST_ROWS, _FEWEST_ROWS, _BAND = 128, 32, 1 << 17  # rendered at once: rows, and pixels where rows are long
_LIBRARIES = 24 * 2**20  # bytes of scratch in the flow and in libraries


@dataclass(frozen=True, slots=True)
class StageFootprints:
    """Bytes of the stages that these options ask for.

    Attributes:
        options: The arguments.
        size: Of a frame.
        host_bytes: Of one output frame in the host's format.
        prior: That is planned for; None without.
    """

    options: Options
    size: FrameSize
    host_bytes: int
    prior: ImagePrior | None

    @property
    def rolling(self) -> bool:
        """Whether there is a rolling shutter."""
        return bool(self.options.readout)

    @property
    def halo(self) -> int:
        """Source frames on either side of a chunk that are solved with it."""
        return 0 if self.options.single_frame else ROLLING_HALO if self.rolling else HALO

    @property
    def rows(self) -> int:
        """Rendered at once."""
        return min(max(_BAND // self.size.width, _FEWEST_ROWS), _MOST_ROWS)

    @property
    def overlap(self) -> tuple[int, int]:
        """Least and most of tiles: at least the prior's halo, or seams would show."""
        halo = 0 if self.prior is None else -(-self.prior.halo // _OVERLAP_STEP) * _OVERLAP_STEP
        return max(MIN_OVERLAP, halo), max(MAX_OVERLAP, halo)

    def joint(self, chunk: int, tile: int, consistent: int, *, unblended: bool) -> int:
        """The largest of the stages: frames are cleaned, motion is found, key frames are solved, instants rendered.

        consistent: Side of the tiles in which sub-frames are made consistent in time; 0 where they are not.
        """
        if classical.uses_admm(self.options):
            return self._classical(chunk, tile)
        before = max(cleaning_footprint(self.size, self._window(chunk)), self._motion(chunk))
        before += self._resident(chunk) + overlay.footprint(self.size, self._window(chunk))
        return max(before, self._solved(chunk, tile), self._rendered(chunk, consistent, unblended))

    def _solved(self, chunk: int, tile: int) -> int:
        """What is held while key frames are solved one by one."""
        solved = self._key_frame_count(chunk)  # the window's other frames have been let go
        solving = max(self._solving().bytes(self._tile_pixels(tile), solved), learning_bytes(self.prior))
        over = overlay.footprint(self.size, self._window(chunk))
        return int(self._resident(chunk, solved) + solved * self.size.frame + solving + over)

    def _rendered(self, chunk: int, consistent: int, unblended: bool) -> int:
        """What is held while instants are rendered, band by band."""
        solved = self._key_frame_count(chunk)
        # Either light changes, and instants are composed twice, or there is an overlay.
        twice, over = self.size.frame, overlay.footprint(self.size, self._window(chunk))
        if unblended:
            twice += unblended_footprint(self.size, refined=uses_instant_step(self.options), rolling=self.rolling)
        rendering = splatting_footprint(self.size, solved) + self._rendering(consistent) + max(twice, over)
        return int(self._resident(chunk, solved) + solved * self.size.frame + rendering)

    def workers(
        self, budget: int, chunk: int, tile: int, consistent: int, unblended: bool, threads: int
    ) -> tuple[int, int, int]:
        """Key frames that are solved at once, bands that are rendered at once, and the peak of both, bytes.

        As many as there are threads, and as the budget has room for.
        """
        if self.options.single_frame or classical.uses_admm(self.options):
            return 1, 1, 0
        solved, rendered = self._solved(chunk, tile), self._rendered(chunk, consistent, unblended)
        one = keyframes.footprint(self.size.channels)
        if uses_key_frame_step(self.options):
            one |= stage.footprint()
        key_frame = int(one.bytes(self._tile_pixels(tile), 0))
        band = instant.band_footprint(self.size, self.rows)
        if uses_instant_step(self.options):  # or a tile of the learned step
            band = max(band, instants.footprint(self.size))
        solving, rendering = (
            max(min(threads, 1 + (budget - alone) // each), 1)
            for alone, each in ((solved, key_frame), (rendered, band))
        )
        return solving, rendering, max(solved + (solving - 1) * key_frame, rendered + (rendering - 1) * band)

    def _classical(self, chunk: int, tile: int) -> int:
        """Frames are cleaned; all sub-frames of a tile are solved beside the outputs, which are held whole."""
        assert self.prior is not None  # E1 has one
        window, channels = self._window(chunk), self.size.channels
        sub_frames = (window + self.rolling) * classical.cells(self.options)
        solving = classical.footprint(self.prior, channels).bytes(self._tile_pixels(tile), sub_frames)
        outputs = int(chunk * self.options.factor + 1) * self.size.frame
        before = cleaning_footprint(self.size, window)
        return int(
            self._resident(chunk)
            + overlay.footprint(self.size, window)
            + max(before, window * self.size.frame + outputs + max(solving, learning_bytes(self.prior)))
        )

    def finding_motion(self, chunk: int) -> int:
        """What is held while motion is found."""
        return self._resident(chunk) + self._motion(chunk) + overlay.footprint(self.size, self._window(chunk))

    def beside_per_frame_tiles(self, chunk: int) -> int:
        """What is held, beside its tiles, while a frame is restored by itself: every frame and its result, its blur."""
        solved = 1 if self.options.single_frame else self._key_frame_count(chunk)
        return self._resident(chunk) + beside_tiles(self.size.pixels) + 2 * solved * self.size.frame

    def _key_frame_count(self, chunk: int) -> int:
        """A chunk's own and those beside it."""
        return chunk + 2 + self.rolling

    def _window(self, chunk: int) -> int:
        return chunk + 2 * self.halo

    def _resident(self, chunk: int, frames: int | None = None) -> int:
        """The host's frames, those of the window that are held, and their motion; frames: None for all of them."""
        window = self._window(chunk)
        frames = window if frames is None else frames
        # Counted whether or not repeats are looked for: where there are none it is to make no difference.
        beyond = 0 if self.options.single_frame else 2 * REACH
        host = host_frames.footprint(self.host_bytes, int(chunk * self.options.factor + 1), window + beyond)
        copies = 2 if self.options.mode == "auto" else 1  # with those of shaken frames, restored by themselves
        return host + frames * copies * self.size.frame + motion_footprint(self.size, frames) + _LIBRARIES

    def _motion(self, chunk: int) -> int:
        """The shutter is estimated first, from grey pictures of its own; then motion is found."""
        effort = EFFORTS[self.options.preset]
        engine = learned_engine(self.options.flow, effort.flow)
        found = finding_footprint(self.size, self._window(chunk), engine=engine, passes=effort.motion_passes)
        return max(found, shutter.footprint(self.size)) if self.options.auto_shutter else found

    def _solving(self) -> TileFootprint:
        """The u-step, the z-step and the learned step of one tile's key frames follow one another."""
        stages = keyframes.footprint(self.size.channels)
        if self.prior is not None:
            stages |= zstep.footprint(self.prior, self.size.channels)
        if uses_key_frame_step(self.options):
            stages |= stage.footprint()
        return stages

    def _rendering(self, consistent: int) -> int:
        """An instant with its learned step, or the sub-frames of a period that are made consistent."""
        kinds = {"averaged": bool(self.options.out_shutter), "rolling": self.rolling}
        if uses_instant_step(self.options):
            rendering = refined.footprint(self.size, self.rows, instants.footprint(self.size), **kinds)
        else:
            rendering = instant.footprint(self.size, self.rows, **kinds)
        rendering += limits.footprint(self.size, rolling=self.rolling)
        if not consistent:
            return rendering
        kept, working = consistency.footprint(self.size, self.options.factor, consistent)
        return max(rendering + kept, 2 * self.size.frame + working)

    def _tile_pixels(self, tile: int) -> int:
        """Of the largest tile that is solved at any overlap."""
        least, most = self.overlap
        return max(
            self.size.tile(tile + 2 * (most - overlap), overlap) for overlap in range(least, most + 1, _OVERLAP_STEP)
        )

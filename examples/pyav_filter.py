"""Deblur a video in a PyAV program of your own: decode, filter, encode.

    python examples/pyav_filter.py in.mp4 out.mp4 [factor]

Only the picture is carried over here; vsdeblur.filters.pyav.transcode copies sound, subtitles and tags as well.
"""

import sys

import av

from vsdeblur.filters.pyav import deblur_frames


def main(source: str, target: str, factor: str = "2") -> None:
    with av.open(source) as reader, av.open(target, "w") as writer:
        decoded = reader.decode(video=0)
        stream = None
        count = 0
        for frame in deblur_frames(decoded, factor, shutter=0.5):
            if stream is None:
                stream = writer.add_stream("libx264", rate=reader.streams.video[0].average_rate * int(float(factor)))
                stream.width, stream.height, stream.pix_fmt = frame.width, frame.height, frame.format.name
                stream.codec_context.time_base = frame.time_base  # fine enough for exact timestamps
                stream.codec_context.color_range = frame.color_range
                stream.codec_context.colorspace = frame.colorspace
            writer.mux(stream.encode(frame))
            count += 1
        if stream is not None:
            writer.mux(stream.encode())
    print(f"{count} frames written to {target}")


if __name__ == "__main__":
    main(*sys.argv[1:])

"""Still pictures: samples, profile, Exif, XMP and orientation go in and come out, as Pillow sees it."""

from __future__ import annotations

import contextlib
import io
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms, ImageOps

from vsdeblur.errors import ArgumentError, InputError
from vsdeblur.stills.about import About, BrokenFile
from vsdeblur.stills.directory import BrokenDirectory, exif_block, read_directory
from vsdeblur.stills.still import Still, decode_still, encode_still, is_still, read_still

pytestmark = pytest.mark.quick

RGB_PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
XMP = b'<?xpacket begin=""?><x:xmpmeta xmlns:x="adobe:ns:meta/">made up</x:xmpmeta><?xpacket end="w"?>'
FAMILIES = ("png", "jpeg", "tiff", "webp")
H, W = 24, 40


def exif(orientation: int = 6) -> Image.Exif:
    """Entries of all three directories: maker, orientation, an exposure time, a latitude."""
    data = Image.Exif()
    data[0x010F], data[0x0112] = "A maker of cameras", orientation
    data.get_ifd(0x8769)[0x829A] = 0.125
    data.get_ifd(0x8825).update({1: "N", 2: (47.0, 22.0, 33.5)})
    return data


def samples(dtype: Any = np.uint8, channels: int = 3) -> Any:
    """A smooth picture, so that lossy coders keep it."""
    y, x = np.mgrid[:H, :W] / 40
    planes = np.stack([0.2 + 0.5 * x, 0.9 - 0.6 * y, 0.4 + 0.3 * x * y, 0.5 + 0.4 * x][:channels], -1)
    scaled = planes * (1 if dtype == np.float32 else np.iinfo(dtype).max)
    return scaled.astype(dtype) if channels > 1 else scaled[..., 0].astype(dtype)


def still(dtype: Any = np.uint8, channels: int = 3, about: About | None = None) -> Still:
    array = samples(dtype, 4 if channels == 2 else channels)
    array = array[..., [0, 3]] if channels == 2 else array
    bits = array.dtype.itemsize * 8
    planes = array[None] if array.ndim == 2 else array.transpose(2, 0, 1)
    scale = 1.0 if bits == 32 else 2**bits - 1
    return Still(torch.from_numpy(planes.astype("float32")) / scale, bits, about or About())


def opened(data: bytes) -> Image.Image:
    """Not yet decoded: of a TIFF file Pillow then takes the orientation away."""
    return Image.open(io.BytesIO(data))


def saved(family: str, image: Image.Image, **more: Any) -> bytes:
    out = io.BytesIO()
    more = {"quality": 95, "subsampling": 0, **more} if family == "jpeg" else more
    image.save(out, family, **more)
    return out.getvalue()


def tagged(family: str, orientation: int = 6, icc: bytes = RGB_PROFILE) -> bytes:
    """A file by Pillow with everything said."""
    about: dict[str, Any] = {"exif": exif(orientation), "icc_profile": icc}
    if family == "tiff":  # Pillow writes no directories below the first there; that ours do well, it tells from outside
        return encode_still(decode_still(tagged("png", orientation, icc)), "tiff")
    if family == "png":
        from PIL.PngImagePlugin import PngInfo

        text = PngInfo()
        text.add_itxt("XML:com.adobe.xmp", XMP.decode())
        about["pnginfo"] = text
    else:
        about["xmp"] = XMP
    return saved(family, Image.fromarray(samples()), **about)


def xmp_of(image: Image.Image) -> bytes:
    found = image.info.get("xmp", image.info.get("XML:com.adobe.xmp", b""))
    return found.encode() if isinstance(found, str) else bytes(found)


# Samples


@pytest.mark.parametrize("family", ["png", "tiff"])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_samples_come_back_exactly(family: str, dtype: Any, channels: int) -> None:
    given_still = still(dtype, channels)
    back = decode_still(encode_still(given_still, family))
    assert back.bits == given_still.bits
    assert torch.equal(back.values, given_still.values)


def test_floating_point_goes_through_tiff_beyond_white() -> None:
    bright = still(np.float32)
    bright.values[0] += 3
    assert torch.equal(decode_still(encode_still(bright, "tiff")).values, bright.values)
    with pytest.raises(ArgumentError, match="tif"):
        encode_still(bright, "png")


@pytest.mark.parametrize("family", ["jpeg", "webp"])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_lossy_formats_hold_eight_bits_closely(family: str, dtype: Any) -> None:
    given_still = still(dtype)
    back = decode_still(encode_still(given_still, family))
    assert back.bits == 8
    assert (back.values - given_still.values).abs().mean() < 0.01
    assert not back.lossless


def test_webp_without_loss() -> None:
    given_still = still(channels=4)
    back = decode_still(encode_still(given_still, "webp", quality=100))
    assert torch.equal(back.values, given_still.values)
    assert back.lossless


@pytest.mark.parametrize("bits", [8, 16])
def test_other_programs_see_the_same_samples(bits: int) -> None:
    array = samples(np.uint8 if bits == 8 else np.uint16)
    for family, suffix in (("png", ".png"), ("tiff", ".tif")):
        data = encode_still(decode_still(cv2.imencode(suffix, array)[1].tobytes()), family)
        seen = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
        assert np.array_equal(seen, array)
        if bits == 8:
            assert np.array_equal(np.asarray(opened(data)), array[..., ::-1])


def test_quality_changes_the_size() -> None:
    sizes = [len(encode_still(still(), "jpeg", quality)) for quality in (50, 95)]
    assert sizes[0] < sizes[1]


def test_grey_stays_grey_and_grey_with_alpha_becomes_colour() -> None:
    grey = saved("png", Image.fromarray(samples(channels=1)))
    assert opened(encode_still(decode_still(grey), "jpeg")).mode == "L"
    both = decode_still(saved("png", Image.fromarray(samples(channels=4)[..., [0, 3]], "LA")))
    assert both.has_alpha
    seen = np.asarray(opened(encode_still(both, "png")).convert("LA"))
    assert np.array_equal(seen[..., 1], samples(channels=4)[..., 3])


@pytest.mark.parametrize("family", ["png", "tiff", "webp"])
def test_colours_under_alpha_are_not_multiplied(family: str) -> None:
    array = samples(channels=4)
    array[..., 3] = 128
    data = saved(family, Image.fromarray(array), **({"lossless": True} if family == "webp" else {}))
    back = decode_still(data)
    assert np.array_equal((back.values * 255).round().permute(1, 2, 0).numpy(), array)
    assert np.array_equal(np.asarray(opened(encode_still(back, family, 100))), array)


def test_palettes_become_colour() -> None:
    image = Image.fromarray(samples()).quantize(16)
    back = decode_still(saved("png", image))
    assert np.array_equal((back.values * 255).round().permute(1, 2, 0).numpy(), np.asarray(image.convert("RGB")))


# What the file says


@pytest.mark.parametrize("source", FAMILIES)
@pytest.mark.parametrize("target", FAMILIES)
def test_profile_exif_and_xmp_are_kept(source: str, target: str) -> None:
    seen = opened(encode_still(decode_still(tagged(source)), target))
    assert seen.info["icc_profile"] == RGB_PROFILE
    assert xmp_of(seen) == XMP
    said = seen.getexif()
    assert said[0x010F] == "A maker of cameras"
    assert said.get_ifd(0x8769)[0x829A] == 0.125
    assert said.get_ifd(0x8825)[2] == (47.0, 22.0, 33.5)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize(("source", "target"), [("jpeg", "jpeg"), ("tiff", "tiff"), ("jpeg", "png"), ("tiff", "webp")])
def test_pictures_are_turned_once(source: str, target: str, orientation: int) -> None:
    data = tagged(source, orientation)
    read = decode_still(data)
    upright = ImageOps.exif_transpose(opened(data))
    seen = ImageOps.exif_transpose(opened(encode_still(read, target)))
    assert seen.size == upright.size
    difference = np.abs(np.asarray(seen.convert("RGB"), float) - np.asarray(upright.convert("RGB"), float))
    assert difference.mean() < 2
    turned = read.upright(read.values).permute(1, 2, 0).numpy() * 255
    assert np.abs(turned - np.asarray(upright.convert("RGB"), float)).mean() < 2


def test_a_long_profile_is_put_into_several_segments() -> None:
    long = bytearray(RGB_PROFILE + bytes(range(256)) * 800)
    long[:4] = len(long).to_bytes(4, "big")
    seen = opened(
        encode_still(decode_still(saved("tiff", Image.fromarray(samples()), icc_profile=bytes(long))), "jpeg")
    )
    assert seen.info["icc_profile"] == bytes(long)
    assert decode_still(encode_still(still(about=About(icc=bytes(long))), "jpeg")).about.icc == bytes(long)


def test_a_profile_for_grey_is_left_out_where_there_are_colours() -> None:
    grey = RGB_PROFILE[:16] + b"GRAY" + RGB_PROFILE[20:]
    assert decode_still(encode_still(still(channels=3, about=About(icc=grey)), "png")).about.icc is None
    assert decode_still(encode_still(still(channels=1, about=About(icc=grey)), "png")).about.icc == grey


def test_resolution_and_texts_stay_within_a_format() -> None:
    png = saved("png", Image.fromarray(samples()), dpi=(300, 300))
    assert opened(encode_still(decode_still(png), "png")).info["dpi"] == pytest.approx((300, 300), abs=0.1)
    jpeg = saved("jpeg", Image.fromarray(samples()), dpi=(300, 300), comment=b"by hand")
    seen = opened(encode_still(decode_still(jpeg), "jpeg"))
    assert seen.info["dpi"] == (300, 300)
    assert seen.info["comment"] == b"by hand"
    tiff = saved("tiff", Image.fromarray(samples()), dpi=(300, 300))
    assert opened(encode_still(decode_still(tiff), "tiff")).info["dpi"] == (300, 300)


@pytest.mark.parametrize("compression", ["raw", "tiff_lzw", "tiff_deflate", "packbits"])
def test_tiff_of_every_usual_compression(compression: str) -> None:
    data = saved("tiff", Image.fromarray(samples()), compression=compression)
    assert np.array_equal((decode_still(data).values * 255).round().permute(1, 2, 0).numpy(), samples())


def test_big_endian_exif_goes_into_a_tiff_of_the_other_order() -> None:
    swapped = read_directory(exif(3).tobytes().removeprefix(b"Exif\0\0"))[0].ordered(">")
    seen = opened(encode_still(still(about=About(exif=exif_block(swapped))), "tiff")).getexif()
    assert seen[0x0112] == 3
    assert seen.get_ifd(0x8825)[2] == (47.0, 22.0, 33.5)


def test_what_cannot_be_read_of_exif_does_not_stop_the_picture() -> None:
    broken = About(exif=b"II*\0\xff\xff\xff\xff")
    assert decode_still(encode_still(still(about=broken), "tiff")).orientation == 1
    assert still(about=broken).orientation == 1


# What is refused


def test_alpha_does_not_go_into_jpeg() -> None:
    with pytest.raises(ArgumentError, match="alpha"):
        encode_still(still(channels=4), "jpeg")


def test_cmyk_is_refused() -> None:
    for family in ("jpeg", "tiff"):
        with pytest.raises(BrokenFile, match="convert it to RGB first"):
            decode_still(saved(family, Image.fromarray(samples()).convert("CMYK")))


@pytest.mark.parametrize("family", ["png", "webp"])
def test_moving_pictures_are_refused(family: str) -> None:
    frames = [Image.fromarray(samples() // n) for n in (1, 2)]
    with pytest.raises(BrokenFile, match="moving"):
        decode_still(saved(family, frames[0], save_all=True, append_images=frames[1:]))


def test_files_that_are_none(tmp_path: Path) -> None:
    text = tmp_path / "a.png"
    text.write_text("not a picture at all")
    assert not is_still(text)
    assert not is_still(tmp_path / "missing.png")
    for path, what in ((text, "not a PNG"), (tmp_path / "missing.png", "No such file"), (tmp_path, "directory")):
        with pytest.raises(InputError, match=what) as caught:
            read_still(path)
        assert "\n" not in str(caught.value)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(family=st.sampled_from(FAMILIES), at=st.floats(0, 1), byte=st.integers(0, 255), cut=st.booleans())
def test_damaged_files_are_read_or_refused(family: str, at: float, byte: int, cut: bool) -> None:
    data = bytearray(tagged(family))
    place = int(at * (len(data) - 1))
    if cut:
        del data[place:]
    else:
        data[place] = byte
    try:
        read = decode_still(bytes(data))
    except BrokenFile:
        return
    if read.values.numel() < 10**6:
        encode_still(read, family)


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=64))
def test_directories_of_anything_are_read_or_refused(tail: bytes) -> None:
    for head in (b"II*\0\x08\0\0\0", b"MM\0*\0\0\0\x08"):
        with contextlib.suppress(BrokenDirectory):
            read_directory(head + tail)

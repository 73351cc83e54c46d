"""The inverse problem and its solvers.

D1, the data term of the exposures, and its prox are ``vsdeblur.camera.exposure``. Here are

- ``coupling``: D2, the agreement of sub-frames along the motion
- ``admm``: E1 = D1 + R1, without motion; ``subframes``: E2 = D1 + D2 + R1 on all sub-frames; ``asap``: with the motion
- ``keyframes``: E2 on one key frame per exposure; ``zstep``, ``unrolled``: priors and learned steps after it
- ``data_weights``, ``highlights``: the weight of the data term where there is noise, and where frames clip
- ``render``: any instant from the key frames, and its residual; ``consistency``: sub-frames made to agree at last
"""

@echo off
rem Drop clips on this file: each is restored beside the original. It says first how long that takes.
setlocal
set "options=--factor 4"
rem for instance "--fps 60 --preset fast", or "--slow 4"
set "PATH=%USERPROFILE%\.local\bin;%PATH%"
if "%~1"=="" set /p "clip=Drag a clip into this window and press Enter: "
if "%~1"=="" call :restore %clip%
:next
if "%~1"=="" goto done
call :restore "%~1"
shift
goto next
:restore
vsdeblur inspect "%~1" %options% --frames 60 || exit /b
echo Enter starts, Ctrl-C ends.
pause >nul
vsdeblur transcode "%~1" "%~dpn1-sharp.mp4" %options% --resume
exit /b
:done
pause

#!/bin/sh
# Makes CPython as its authors ship it, without any distribution's changes, for both processors and both C
# libraries. Debian's source is their archive, its patches are not applied:
#
#   tests/peers/cpython.sh OUTDIR     # then: OUTDIR/gnu-amd64/usr/local, OUTDIR/musl-arm64/usr …
#
# Over glibc it has all that pip and PyTorch import. As conda's, it looks for libraries in `lib` beside its `bin`
# first; those to put there are in OUTDIR/gnu-amd64/lib.
#
# Needs root, apt sources for Debian, gcc with its cross compiler for arm64, make, and a python3.11 that
# helps to compile for the other processor. Nothing is optimised: it is only asked what it is.
set -eu

[ $# -eq 1 ] || { echo "usage: $0 OUTDIR" >&2; exit 2; }
[ ! -e "$1" ] || { echo "$0: $1 exists already" >&2; exit 1; }
mkdir -p "$1.part"
target=$(cd "$(dirname "$1")" && pwd)/$(basename "$1")
out=$(cd "$1.part" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work" "$out"' EXIT
cd "$work"

# The archive's own places, as apt is configured to use them; nothing of this machine's apt is changed.
mirror=$(apt-get indextargets --format '$(ORIGIN) $(RELEASE) $(REPO_URI)' 'Created-By: Packages' |
    sed -n 's/^Debian bookworm //p' | head -n 1)
[ -n "$mirror" ] || { echo "$0: apt has no source for bookworm" >&2; exit 1; }
keyring=/usr/share/keyrings/debian-archive-keyring.gpg
mkdir -p lists/partial
: >status
printf '%s [signed-by=%s] %s bookworm main\n' deb-src "$keyring" "$mirror" deb "$keyring" "$mirror" >sources
apt() {
    apt-get -qq -o Dir::Etc::SourceList="$work/sources" -o Dir::Etc::SourceParts=/dev/null \
        -o Dir::State::Lists="$work/lists" -o Dir::State::Status="$work/status" -o Dir::Cache::PkgCache= -o Dir::Cache::SrcPkgCache= \
        -o APT::Architecture=amd64 -o APT::Architectures::=amd64 -o APT::Architectures::=arm64 \
        -o APT::Sandbox::User=root "$@"
}
apt update
apt source --download-only python3.11
tar xf python3.11_*.orig.tar.*
for architecture in amd64 arm64; do
    mkdir "debs-$architecture"
    packages=
    for package in musl musl-dev zlib1g zlib1g-dev libssl3 libssl-dev libffi8 libffi-dev libbz2-1.0 libbz2-dev liblzma5 \
        liblzma-dev; do
        packages="$packages $package:$architecture"
    done
    (cd "debs-$architecture" && apt download $packages)
    for package in "debs-$architecture"/musl*.deb; do
        dpkg-deb --extract "$package" musl
        rm "$package"
    done
    for package in "debs-$architecture"/*.deb; do
        dpkg-deb --extract "$package" "gnu-$architecture.all"
    done
done
# The same as one prefix, which is all that configure knows of.
for architecture in amd64:x86_64 arm64:aarch64; do
    all=gnu-${architecture%:*}.all multiarch=${architecture#*:}-linux-gnu prefix=gnu-${architecture%:*}
    mkdir -p "$prefix/lib"
    cp -a "$all/usr/include" "$prefix/include"
    cp -a "$prefix/include/$multiarch/." "$prefix/include"
    for folder in lib usr/lib; do
        for library in "$all/$folder/$multiarch"/*.so*; do
            cp --no-dereference "$library" "$prefix/lib"
        done
    done
    # Development links are absolute where the library is in /lib.
    for link in "$prefix/lib"/*.so; do
        ln -sf "$(basename "$(readlink "$link")")" "$link"
    done
    mkdir -p "$out/gnu-${architecture%:*}/lib"
    cp -a "$prefix/lib"/*.so.* "$out/gnu-${architecture%:*}/lib"
done
# Without the name that linkers look for they would take the static library.
for machine in x86_64 aarch64; do
    ln -s "$work/musl/lib/$machine-linux-musl/libc.so" "musl/usr/lib/$machine-linux-musl/libc.so"
done

# A compiler that looks nowhere but where it is told: setup.py adds this machine's folders.
cat >cc <<'CC'
#!/bin/sh
[ "$*" != --print-multiarch ] || { echo "$MULTIARCH"; exit; }
for word; do
    shift
    case $word in -I/usr/include/* | -I/usr/local/include | -L/usr/lib/* | -L/usr/local/lib) ;; *) set -- "$@" "$word" ;; esac
done
exec $COMPILER "$@" -Wl,--disable-new-dtags,-rpath,'$ORIGIN/../lib'
CC
chmod +x cc

build() { # NAME PREFIX TRIPLET [OPTION …]
    name=$1 prefix=$2 MULTIARCH=$3
    shift 3
    COMPILER=$(echo "${MULTIARCH%%-*}" | sed 's/x86_64/gcc/; s/aarch64/aarch64-linux-gnu-gcc/')
    case $MULTIARCH in
        *-musl)
            sed "s#/usr/\(lib\|include\)/$MULTIARCH#$work/musl&#g" "musl/usr/lib/$MULTIARCH/musl-gcc.specs" >"$name.specs"
            COMPILER="$COMPILER -specs $work/$name.specs" ;;
    esac
    export MULTIARCH COMPILER
    mkdir "$name.build"
    (
        cd "$name.build" &&
            CC=$work/cc CFLAGS=-O0 "$work"/Python-3.11*/configure -q --prefix="$prefix" --without-ensurepip \
                --disable-test-modules ac_cv_buggy_getaddrinfo=no "$@" &&
            make -s -j2 &&
            # Nothing is compiled ahead: that takes as long as all else.
            make -s libinstall PYTHON_FOR_BUILD=true DESTDIR="$out/$name" &&
            make -s altbininstall sharedinstall inclinstall libainstall DESTDIR="$out/$name" &&
            ln -s python3.11 "$out/$name$prefix/bin/python3"
    ) >"$name.log" 2>&1 || { tail -n 20 "$name.log" >&2; return 1; }
    rm -rf "$name.build"
}

# What configure has to be told of a processor whose programs cannot be tried. It takes the C library from
# the machine that compiles.
cross() { # MACHINE LIBC
    [ "$1" != x86_64 ] || return 0
    echo "--host=$1-linux-$2 --build=x86_64-linux-$2 --with-build-python=/usr/bin/python3.11" \
        "ac_cv_file__dev_ptmx=yes ac_cv_file__dev_ptc=no READELF=$1-linux-gnu-readelf"
}

for architecture in amd64 arm64; do
    case $architecture in
        amd64) machine=x86_64 ;;
        arm64) machine=aarch64 ;;
    esac
    libraries=$work/gnu-$architecture
    build "gnu-$architecture" /usr/local "$machine-linux-gnu" "CPPFLAGS=-I$libraries/include" \
        "LDFLAGS=-L$libraries/lib" "--with-openssl=$libraries" $(cross "$machine" gnu)
    build "musl-$architecture" /usr "$machine-linux-musl" $(cross "$machine" musl)
    mkdir -p "$out/musl-$architecture/lib"
    cp "musl/lib/$machine-linux-musl/libc.so" "$out/musl-$architecture/lib/ld-musl-$machine.so.1"
done
mv "$out" "$target"

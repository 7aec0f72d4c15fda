#!/usr/bin/env bash
# Runs `npm run test:devices` on llvmpipe, Mesa's Vulkan driver in software: a second driver beside SwiftShader, faster, and with float16.
# Debian: apt-get install mesa-vulkan-drivers libvulkan-dev gcc libc6-dev
set -euo pipefail
cd "$(dirname "$0")/../.."
built=$PWD/node_modules/.cache/freebind/llvmpipe
mkdir -p "$built"
gcc -O1 -Wall -Werror -shared -fPIC -fvisibility=hidden -o "$built/layer.so" test/llvmpipe/image-indexing-layer.c
cat > "$built/layer.json" <<JSON
{
  "file_format_version": "1.1.2",
  "layer": {
    "name": "VK_LAYER_FREEBIND_image_indexing",
    "type": "GLOBAL",
    "library_path": "./layer.so",
    "api_version": "1.3.0",
    "implementation_version": "1",
    "description": "Says that llvmpipe indexes arrays of images"
  }
}
JSON
export VK_LAYER_PATH=$built VK_INSTANCE_LAYERS=VK_LAYER_FREEBIND_image_indexing
VK_ICD_FILENAMES=$(ls /usr/share/vulkan/icd.d/lvp_icd*.json)
export VK_ICD_FILENAMES
# By itself the driver takes the widest vectors of the processor, whose sums round otherwise than the next machine's.
export LP_NATIVE_VECTOR_WIDTH=256
# Of the driver: kept programs save minutes, and it complains where there is no folder of the session.
export MESA_SHADER_CACHE_DIR=$built MESA_GLSL_CACHE_DIR=$built XDG_RUNTIME_DIR=$built
# Opening and closing many devices is left to SwiftShader, in `npm test`: with this driver Dawn's bindings end the process in one of
# some ten runs ("std::system_error: Invalid argument"), or stand still, when a device that was closed is collected.
FREEBIND_REQUIRE_DEVICE=1 npm run test:devices -- --exclude packages/backend-webgpu/test/lifecycle.test.ts "$@"

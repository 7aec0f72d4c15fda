/*
 * A Vulkan layer for tests on llvmpipe, Mesa's driver in software, which has float16. Dawn refuses it for two features, both about
 * indexing arrays of images, which no kernel here does: this layer says that they are there, and takes them out of what a device is
 * asked for. run.sh builds it and runs the tests under it.
 * Source: the loader's interface to layers, Vulkan-Loader docs/LoaderLayerInterface.md.
 */
#include <string.h>
#include <vulkan/vk_layer.h>
#include <vulkan/vulkan.h>

static PFN_vkGetInstanceProcAddr next_instance_proc;
static PFN_vkGetDeviceProcAddr next_device_proc;
static PFN_vkGetPhysicalDeviceFeatures2 next_features;
static VkInstance the_instance;

static void set_image_indexing(VkPhysicalDeviceFeatures *features, VkBool32 there) {
  features->shaderSampledImageArrayDynamicIndexing = there;
  features->shaderStorageImageArrayDynamicIndexing = there;
}

static VKAPI_ATTR void VKAPI_CALL get_features2(VkPhysicalDevice device, VkPhysicalDeviceFeatures2 *features) {
  next_features(device, features);
  set_image_indexing(&features->features, VK_TRUE);
}

static VKAPI_ATTR void VKAPI_CALL get_features(VkPhysicalDevice device, VkPhysicalDeviceFeatures *features) {
  VkPhysicalDeviceFeatures2 all = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_FEATURES_2};
  get_features2(device, &all);
  *features = all.features;
}

static VKAPI_ATTR VkResult VKAPI_CALL create_instance(
    const VkInstanceCreateInfo *info, const VkAllocationCallbacks *allocator, VkInstance *instance) {
  VkLayerInstanceCreateInfo *link = (VkLayerInstanceCreateInfo *)info->pNext;
  while (link && (link->sType != VK_STRUCTURE_TYPE_LOADER_INSTANCE_CREATE_INFO || link->function != VK_LAYER_LINK_INFO))
    link = (VkLayerInstanceCreateInfo *)link->pNext;
  if (!link) return VK_ERROR_INITIALIZATION_FAILED;
  next_instance_proc = link->u.pLayerInfo->pfnNextGetInstanceProcAddr;
  link->u.pLayerInfo = link->u.pLayerInfo->pNext;
  VkResult result = ((PFN_vkCreateInstance)next_instance_proc(NULL, "vkCreateInstance"))(info, allocator, instance);
  if (result != VK_SUCCESS) return result;
  the_instance = *instance;
  next_features = (PFN_vkGetPhysicalDeviceFeatures2)next_instance_proc(*instance, "vkGetPhysicalDeviceFeatures2");
  return VK_SUCCESS;
}

static VKAPI_ATTR VkResult VKAPI_CALL create_device(
    VkPhysicalDevice physical, const VkDeviceCreateInfo *info, const VkAllocationCallbacks *allocator, VkDevice *device) {
  VkLayerDeviceCreateInfo *link = (VkLayerDeviceCreateInfo *)info->pNext;
  while (link && (link->sType != VK_STRUCTURE_TYPE_LOADER_DEVICE_CREATE_INFO || link->function != VK_LAYER_LINK_INFO))
    link = (VkLayerDeviceCreateInfo *)link->pNext;
  if (!link) return VK_ERROR_INITIALIZATION_FAILED;
  PFN_vkGetInstanceProcAddr next = link->u.pLayerInfo->pfnNextGetInstanceProcAddr;
  next_device_proc = link->u.pLayerInfo->pfnNextGetDeviceProcAddr;
  link->u.pLayerInfo = link->u.pLayerInfo->pNext;
  if (info->pEnabledFeatures) set_image_indexing((VkPhysicalDeviceFeatures *)info->pEnabledFeatures, VK_FALSE);
  for (VkBaseOutStructure *one = (VkBaseOutStructure *)info->pNext; one; one = one->pNext)
    if (one->sType == VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_FEATURES_2)
      set_image_indexing(&((VkPhysicalDeviceFeatures2 *)one)->features, VK_FALSE);
  return ((PFN_vkCreateDevice)next(the_instance, "vkCreateDevice"))(physical, info, allocator, device);
}

static VKAPI_ATTR PFN_vkVoidFunction VKAPI_CALL device_proc(VkDevice device, const char *name) {
  if (!strcmp(name, "vkGetDeviceProcAddr")) return (PFN_vkVoidFunction)device_proc;
  return next_device_proc ? next_device_proc(device, name) : NULL;
}

static VKAPI_ATTR PFN_vkVoidFunction VKAPI_CALL instance_proc(VkInstance instance, const char *name) {
#define OURS(theirs, ours) \
  if (!strcmp(name, theirs)) return (PFN_vkVoidFunction)ours
  OURS("vkGetInstanceProcAddr", instance_proc);
  OURS("vkGetDeviceProcAddr", device_proc);
  OURS("vkCreateInstance", create_instance);
  OURS("vkCreateDevice", create_device);
  OURS("vkGetPhysicalDeviceFeatures", get_features);
  OURS("vkGetPhysicalDeviceFeatures2", get_features2);
  OURS("vkGetPhysicalDeviceFeatures2KHR", get_features2);
  return next_instance_proc ? next_instance_proc(instance, name) : NULL;
}

VK_LAYER_EXPORT VKAPI_ATTR VkResult VKAPI_CALL
vkNegotiateLoaderLayerInterfaceVersion(VkNegotiateLayerInterface *version) {
  version->loaderLayerInterfaceVersion = 2;
  version->pfnGetInstanceProcAddr = instance_proc;
  version->pfnGetDeviceProcAddr = device_proc;
  version->pfnGetPhysicalDeviceProcAddr = NULL;
  return VK_SUCCESS;
}

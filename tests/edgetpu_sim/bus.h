// The simulated bus: devices are what stands in the fake sysfs tree beside this library, faults are
// files. Everything is read anew each time, so that a test changes it while a process runs.
//
//   lib/libedgetpu.so.1                      this library: its own place says which bus it sees
//   sys/bus/usb/devices/2-1/{idVendor,...}   a device on USB, sys/class/apex/apex_0 one on PCIe
//   dev/bus/usb/002/003, dev/apex_0          its node
//   faults/KIND, faults/PORT.KIND            what goes wrong: on every device, or on that one
//   locks/PORT                               whoever has the device open holds a lock on it
#pragma once
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "abi.h"

static int g_verbosity = 0;

static void vlog(int level, const char* file, const std::string& text) {
  if (g_verbosity >= level) fprintf(stderr, "I %s] %s\n", file, text.c_str());
}

static const std::string& folder() {
  static const std::string* found = [] {
    Dl_info info;
    char whole[PATH_MAX];
    bool known = dladdr((void*)&folder, &info) && realpath(info.dli_fname, whole);
    std::string path = known ? whole : "";
    for (int up = 0; up < 2; up++) path = path.substr(0, path.rfind('/'));
    return new std::string(path);
  }();
  return *found;
}

static std::vector<std::string> names_in(const std::string& path) {
  std::vector<std::string> names;
  DIR* dir = opendir(path.c_str());
  if (!dir) return names;
  while (dirent* entry = readdir(dir))
    if (entry->d_name[0] != '.') names.push_back(entry->d_name);
  closedir(dir);
  std::sort(names.begin(), names.end());
  return names;
}

static std::string text_of(const std::string& path) {
  char text[256] = "";
  int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return "";
  ssize_t got = read(fd, text, sizeof text - 1);
  close(fd);
  std::string line(text, got > 0 ? got : 0);
  return line.substr(0, line.find('\n'));
}

static void write_text(const std::string& path, const std::string& text) {
  if (FILE* file = fopen(path.c_str(), "we")) {
    fprintf(file, "%s\n", text.c_str());
    fclose(file);
  }
}

// ---- faults ----
struct Fault {
  std::string path, mode;
  double value = 0;  // a number in the file: how many, how long, how much
  bool once = false;
  // What strikes once is gone before it strikes: the next process finds the device well.
  void strike() const { if (once) unlink(path.c_str()); }
};

class Faults {
 public:
  explicit Faults(const std::string& port) : port_(port), names_(names_in(folder() + "/faults")) {}

  bool find(const std::string& kind, Fault* fault) const {
    for (const std::string& name : {port_ + "." + kind, kind}) {
      if (std::find(names_.begin(), names_.end(), name) == names_.end()) continue;
      *fault = read(folder() + "/faults/" + name);
      return true;
    }
    return false;
  }

 private:
  static Fault read(const std::string& path) {
    Fault fault;
    fault.path = path;
    std::string word;
    for (char c : text_of(path) + " ") {
      if (c != ' ') { word += c; continue; }
      char* end;
      double number = strtod(word.c_str(), &end);
      if (word == "once") fault.once = true;
      else if (!word.empty() && !*end) fault.value = number;
      else if (!word.empty()) fault.mode = word;
      word.clear();
    }
    return fault;
  }

  std::string port_;
  std::vector<std::string> names_;
};

// ---- devices ----
struct Device {
  DeviceType type;
  std::string port;  // "2-1", "apex_0"
  std::string path;  // as libedgetpu names it
};

static std::string usb_folder(const std::string& port) {
  return folder() + "/sys/bus/usb/devices/" + port;
}

// Changes with each plugging in, so that a handle from before is known to be stale.
static std::string stamp_of(const Device& device) {
  if (device.type == kUsb) return text_of(usb_folder(device.port) + "/devnum");
  struct stat node;
  if (stat((folder() + "/dev/" + device.port).c_str(), &node)) return "";
  return std::to_string(node.st_mtim.tv_sec) + "." + std::to_string(node.st_mtim.tv_nsec);
}

// As libedgetpu does, those without firmware come first: opening one moves it to the end.
static std::vector<Device> enumerate() {
  std::vector<Device> found;
  for (const std::string& port : names_in(folder() + "/sys/class/apex"))
    found.push_back({kPci, port, "/dev/" + port});
  for (const char* ids : {"1a6e:089a", "18d1:9302"})
    for (const std::string& port : names_in(folder() + "/sys/bus/usb/devices")) {
      std::string at = usb_folder(port) + "/";
      if (text_of(at + "idVendor") + ":" + text_of(at + "idProduct") == ids)
        found.push_back({kUsb, port, "/sys/bus/usb/devices/" + port});
    }
  return found;
}

static std::string node_of(const std::string& port) {
  char name[64];
  std::string at = usb_folder(port) + "/";
  snprintf(name, sizeof name, "/dev/bus/usb/%03d/%03d", atoi(text_of(at + "busnum").c_str()),
           atoi(text_of(at + "devnum").c_str()));
  return folder() + name;
}

// The device leaves the bus and comes back under its other ids; false if it was pulled meanwhile.
static bool load_firmware(const Device& device, double pause_ms) {
  std::string here = usb_folder(device.port), away = folder() + "/staging/" + device.port;
  std::string node = node_of(device.port);
  struct stat before;
  bool had_node = !stat(node.c_str(), &before);
  if (rename(here.c_str(), away.c_str())) return false;
  unlink(node.c_str());
  usleep((useconds_t)(pause_ms * 1000));
  write_text(away + "/idVendor", "18d1");
  write_text(away + "/idProduct", "9302");
  write_text(away + "/devnum", std::to_string(atoi(text_of(away + "/devnum").c_str()) + 1));
  if (rename(away.c_str(), here.c_str())) return false;
  node = node_of(device.port);
  write_text(node, "");
  if (had_node && chmod(node.c_str(), before.st_mode & 07777)) return false;
  return true;
}

// ---- ownership: one process at a time, whose interpreters share the device ----
struct Claim { int fd = -1; int users = 0; };
static std::mutex g_claims_mutex;

static std::map<std::string, Claim>& claims() {
  static auto* all = new std::map<std::string, Claim>;
  return *all;
}

static bool claim(const std::string& port) {
  std::lock_guard<std::mutex> held(g_claims_mutex);
  Claim& mine = claims()[port];
  if (mine.users == 0) {
    mine.fd = open((folder() + "/locks/" + port).c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    struct flock whole = {};
    whole.l_type = F_WRLCK;  // the process's own, not inherited by fork, gone when it dies
    if (mine.fd < 0 || fcntl(mine.fd, F_SETLK, &whole)) {
      if (mine.fd >= 0) close(mine.fd);
      return false;
    }
  }
  mine.users++;
  return true;
}

static void disclaim(const std::string& port) {
  std::lock_guard<std::mutex> held(g_claims_mutex);
  Claim& mine = claims()[port];
  if (--mine.users == 0) close(mine.fd);
}

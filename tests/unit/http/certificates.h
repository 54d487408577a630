// Throw-away certificates for the tests of TLS.
#pragma once

#include <filesystem>
#include <string>

#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <unistd.h>

namespace matriarch::http {

// A folder that goes away with the test.
class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "matriarch-tls-XXXXXX").string();
    path_ = mkdtemp(name.data());
  }
  ~TemporaryFolder() { std::filesystem::remove_all(path_); }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;

  [[nodiscard]] std::string file(const std::string& name) const { return (path_ / name).string(); }

 private:
  std::filesystem::path path_;
};

// A key with its certificate, signed by another one or by itself.
class Identity {
 public:
  struct Options {
    std::string name;
    long serial;
    std::string alternative_names;  // "DNS:localhost,IP:127.0.0.1"
    bool is_ca = false;
  };

  explicit Identity(const Options& options, const Identity* issuer = nullptr)
      : key_(EVP_EC_gen("P-256")), certificate_(X509_new()) {
    X509_set_version(certificate_, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate_), options.serial);
    X509_gmtime_adj(X509_getm_notBefore(certificate_), -3600);
    X509_gmtime_adj(X509_getm_notAfter(certificate_), 3600);
    X509_set_pubkey(certificate_, key_);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate_), "CN", MBSTRING_UTF8,
                               reinterpret_cast<const unsigned char*>(options.name.c_str()), -1, -1, 0);
    const Identity& signer = issuer != nullptr ? *issuer : *this;
    X509_set_issuer_name(certificate_, X509_get_subject_name(signer.certificate_));
    add_extension(NID_basic_constraints, options.is_ca ? "critical,CA:TRUE" : "CA:FALSE");
    if (!options.alternative_names.empty()) add_extension(NID_subject_alt_name, options.alternative_names);
    EXPECT_GT(X509_sign(certificate_, signer.key_, EVP_sha256()), 0);
  }
  ~Identity() {
    X509_free(certificate_);
    EVP_PKEY_free(key_);
  }
  Identity(const Identity&) = delete;
  Identity& operator=(const Identity&) = delete;

  std::string write_certificate(const std::string& path) const {
    FILE* file = std::fopen(path.c_str(), "w");
    PEM_write_X509(file, certificate_);
    std::fclose(file);
    return path;
  }
  std::string write_key(const std::string& path, const std::string& password = {}) const {
    append_key(path, "w", password);
    return path;
  }
  // Both in one file.
  std::string write(const std::string& path) const {
    write_certificate(path);
    append_key(path, "a", {});
    return path;
  }

 private:
  void add_extension(int id, const std::string& value) {
    X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, nullptr, id, value.c_str());
    EXPECT_NE(extension, nullptr) << value;
    X509_add_ext(certificate_, extension, -1);
    X509_EXTENSION_free(extension);
  }
  void append_key(const std::string& path, const char* mode, const std::string& password) const {
    FILE* file = std::fopen(path.c_str(), mode);
    PEM_write_PrivateKey(file, key_, password.empty() ? nullptr : EVP_aes_256_cbc(),
                         reinterpret_cast<const unsigned char*>(password.data()), static_cast<int>(password.size()),
                         nullptr, nullptr);
    std::fclose(file);
  }

  EVP_PKEY* key_;
  X509* certificate_;
};

}  // namespace matriarch::http

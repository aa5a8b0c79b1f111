//go:build external

package deploy

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"slices"
	"testing"

	"go.yaml.in/yaml/v3"
)

// TestManifests renders and validates the overlays, and checks what the schemas of Kubernetes cannot know.
func TestManifests(t *testing.T) {
	t.Parallel()
	mustRun(t, "make", "manifests")
	common := []string{"ConfigMap", "Deployment", "Ingress", "Namespace", "NetworkPolicy", "Service"}
	for name, kinds := range map[string][]string{
		"sqlite":        {"PersistentVolumeClaim"},
		"postgres":      {"HorizontalPodAutoscaler", "PodDisruptionBudget"},
		"cloudnativepg": {"Cluster", "HorizontalPodAutoscaler", "NetworkPolicy", "PodDisruptionBudget"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var got []string
			for _, object := range mustParseManifests(t, "bin/kubernetes/"+name+".yaml") {
				got = append(got, object.Kind)
				if object.Kind != "Namespace" && object.Metadata.Namespace != "menu-api" {
					t.Errorf("%s %s is in the namespace %q, want menu-api", object.Kind, object.Metadata.Name, object.Metadata.Namespace)
				}
				if object.Kind == "Deployment" {
					checkDeployment(t, object, name == "sqlite")
				}
			}
			slices.Sort(got)
			want := append(slices.Clone(common), kinds...)
			slices.Sort(want)
			if !slices.Equal(got, want) {
				t.Errorf("got the objects %q, want %q", got, want)
			}
		})
	}
}

// checkDeployment checks the restricted Pod Security Standard and the probes. Only SQLite needs a fixed number of replicas.
func checkDeployment(t *testing.T, deployment manifest, sqlite bool) {
	t.Helper()
	pod := deployment.Spec.Template.Spec
	if !pod.SecurityContext.RunAsNonRoot || pod.SecurityContext.SeccompProfile.Type != "RuntimeDefault" || pod.AutomountServiceAccountToken == nil || *pod.AutomountServiceAccountToken {
		t.Errorf("got the pod %+v, want it to be restricted", pod)
	}
	for _, container := range pod.Containers {
		security := container.SecurityContext
		if security.AllowPrivilegeEscalation == nil || *security.AllowPrivilegeEscalation || !security.ReadOnlyRootFilesystem || !slices.Equal(security.Capabilities.Drop, []string{"ALL"}) {
			t.Errorf("got the container %+v, want it to be restricted", container)
		}
		// An outage of the database must not restart the pods.
		if live, ready := container.LivenessProbe.HTTPGet.Path, container.ReadinessProbe.HTTPGet.Path; live != "/healthz" || ready != "/readyz" {
			t.Errorf("got the probes %q and %q, want /healthz and /readyz", live, ready)
		}
	}
	if one := deployment.Spec.Replicas != nil && *deployment.Spec.Replicas == 1; one != sqlite || sqlite != (deployment.Spec.Strategy.Type == "Recreate") {
		t.Errorf("got %v replicas and the strategy %q", deployment.Spec.Replicas, deployment.Spec.Strategy.Type)
	}
}

// manifest has the fields of Kubernetes objects that the test reads.
type manifest struct {
	Kind     string `json:"kind"`
	Metadata struct{ Name, Namespace string }
	Spec     struct {
		Replicas *int
		Strategy struct{ Type string }
		Template struct {
			Spec struct {
				AutomountServiceAccountToken *bool
				SecurityContext              struct {
					RunAsNonRoot   bool
					SeccompProfile struct{ Type string }
				}
				Containers []struct {
					LivenessProbe, ReadinessProbe struct{ HTTPGet struct{ Path string } }
					SecurityContext               struct {
						AllowPrivilegeEscalation *bool
						ReadOnlyRootFilesystem   bool
						Capabilities             struct{ Drop []string }
					}
				}
			}
		}
	}
}

func mustParseManifests(tb testing.TB, file string) (objects []manifest) {
	tb.Helper()
	for decoder := yaml.NewDecoder(bytes.NewReader(mustReadFile(tb, file))); ; {
		var document map[string]any
		err := decoder.Decode(&document)
		if errors.Is(err, io.EOF) {
			return objects
		}
		// encoding/json matches the fields without regard to case.
		raw, jsonErr := json.Marshal(document)
		var object manifest
		if err := errors.Join(err, jsonErr, json.Unmarshal(raw, &object)); err != nil {
			tb.Fatalf("%s: %v", file, err)
		}
		objects = append(objects, object)
	}
}
